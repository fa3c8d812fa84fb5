// Calls for transactions of one account. C++ regime.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/model.hpp"
#include "core/task.hpp"
#include "providers/provider.hpp"
#include "providers/truelayer/client.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// What a bank says no with.
enum class Refusal {
	other,
	fewer_days,   // or the consent is gone: only fewer days tell
	only_present, // of these days it shows the user alone
	not_offered,  // it has nothing of the kind
	unknown,      // it has no such account
};
Refusal refusal_of(int status, std::string_view code);

/// What every bank shows at any time: Monzo 88 days, others 90.
inline constexpr std::chrono::days kShownAnyTime{88};
Date today_of(const Session &session);

/// Days that are asked for, and those of them that count: ranges that are parted share some, since banks cut days in
/// zones of their own.
struct Range {
	Date from{};
	Date to{};
	Date keep_from = Date::min();
	Date keep_to = Date::max();
};

struct Asked {
	TransactionPage page;
	bool signs_contradict = false; // of rows in it
	std::optional<ProviderError> refused;
	Refusal refusal = Refusal::other; // with `refused`
};

enum class Kind { posted, pending };

class Rows {
public:
	Rows(Session session, Credentials credentials, Account account, Kind kind);

	const Session &session() const noexcept { return session_; }
	/// One call. Without a range for a set that has none.
	Task<Asked> ask(std::optional<Range> range) const;

private:
	Call make_call(const std::optional<Range> &range) const;
	TransactionPage read_page(std::string bytes, std::string_view endpoint, bool *contradicts) const;

	Session session_;
	Credentials credentials_;
	Account account_;
	Kind kind_;
};

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
