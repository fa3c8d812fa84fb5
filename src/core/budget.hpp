// Limits of a provider on our calls, kept on our side. C++ regime.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "core/call_window.hpp"
#include "core/model.hpp"
#include "core/task.hpp"

#include "core/pure.hpp"

namespace ob {

/// Why a call is not to be made now.
struct Shortage {
	Timestamp free_at{}; // when there may be one
	CallLimit limit;
	bool of_connection = false; // else of all calls through the server
	bool unattended = false;    // what a bank allows in a day while no person is there
};

/// Stands before every call, over all processes: each is counted before it goes out.
class Budget {
public:
	Budget() = default;
	Budget(const Budget &) = delete;
	Budget &operator=(const Budget &) = delete;
	virtual ~Budget() = default;

	/// Leave to make one call of this class at once, for a connection if it is made with that one's tokens; or why not.
	virtual Task<std::optional<Shortage>> take(std::string call_class, std::optional<ConnectionId> connection) = 0;
	/// As above, for a call that banks allow a few times a day while no person is there. `resource` says what is called
	/// of which account, such as "accounts/A1/balance"; each has its own days.
	virtual Task<std::optional<Shortage>> take_unattended(std::string call_class, ConnectionId connection,
	                                                      std::string resource) {
		(void)resource;
		return take(std::move(call_class), connection);
	}
	/// The call of the day that was taken for `resource` has not left: the bank has not counted it.
	virtual Task<void> give_back_unattended(ConnectionId connection, std::string resource) {
		(void)connection;
		(void)resource;
		co_return;
	}
};

} // namespace ob

#include "core/pure.hpp"
