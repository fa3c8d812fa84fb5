// A server's limits as this process keeps to them: a few calls at a time are taken out of ob.budgets, in a transaction
// of their own, and used until they expire. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/budget.hpp"
#include "core/task.hpp"
#include "pg/store/budgets.hpp"
#include "providers/provider.hpp"

namespace ob::pg::store {

/// As the server's options say. Throws as providers::read_limits.
providers::ServerLimits server_limits(const providers::ServerConfig &config);

/// How often a call may be made in a day while no person is there, of each account; nothing: without a limit.
std::optional<CallLimit> unattended_limit(const providers::ServerConfig &config);
/// Begins the names of their classes; what is called of which account follows.
inline constexpr std::string_view kUnattended = "unattended ";

/// For calls through a server; null if it has no limits.
std::shared_ptr<Budget> server_budget(const providers::ServerConfig &config);

/// Takes calls surely, whatever becomes of the present transaction. Defined above the store, where there is a worker
/// for that.
Task<std::vector<BudgetGrant>> take_by_worker(std::string server, std::vector<BudgetWant> wants);

/// What syncs begin with, taken for many connections at once.
class SyncBudgets {
public:
	/// In the transaction that claims them, as the last thing in it; as owner. The connections are all of this server.
	void take(const std::string &server, const std::vector<ConnectionId> &connections);
	/// After its commit: from now on they may be used.
	void keep();

private:
	void take_from(const std::string &server, std::vector<BudgetWant> wants);

	struct Taken {
		std::string server;
		BudgetWant want;
		BudgetGrant grant;
	};
	std::vector<Taken> taken_;
};

} // namespace ob::pg::store
