// What has been handed out of the providers' limits (table ob.budgets), for all processes and over restarts. C++
// regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/call_window.hpp"
#include "core/model.hpp"

namespace ob::pg::store {

/// Stands for all calls through a server.
inline constexpr ConnectionId kEveryConnection = 0;

/// What is asked of one budget.
struct BudgetWant {
	ConnectionId connection = kEveryConnection;
	std::string call_class;
	CallLimit limit;
	std::int64_t calls = 1; // fewer than none: so many are given back
};

/// What was given: calls that may be made until a time; else when there are any.
struct BudgetGrant {
	std::int64_t calls = 0;
	Timestamp from{};
	Timestamp until{};
	Timestamp free_at{};
};

enum class Taking {
	all,           // none of them, unless there is one call at least of each
	what_there_is, // each for itself
};

/// As owner, in a transaction that commits at once and does nothing after this: rows of the budgets are locked until it
/// ends, which nobody may wait for while he waits for something else. Grants in the order of `wants`.
std::vector<BudgetGrant> take_budgets(const std::string &server, std::span<const BudgetWant> wants, Timestamp now,
                                      Taking taking);

struct IdleGrants {
	std::vector<ConnectionId> connections;
	std::vector<BudgetGrant> grants; // of each of them
};

/// As take_budgets(), with all of `wants` (whatever connection they name) for each of these connections of which
/// nothing was taken for so long that no limit remembers it: one statement for many.
IdleGrants take_idle_budgets(const std::string &server, const std::vector<ConnectionId> &connections,
                             std::span<const BudgetWant> wants, Timestamp now, std::chrono::seconds idle_for);

/// One budget as it stands.
struct BudgetUse {
	ConnectionId connection = kEveryConnection;
	std::string call_class;
	CallWindow window;
};

/// Those of a server that anything was taken of lately, of each connection too if `by_connection`. As owner.
std::vector<BudgetUse> read_budgets(const std::string &server, bool by_connection);

/// Forgets what no limit remembers any more. As owner.
void purge_budgets();

} // namespace ob::pg::store
