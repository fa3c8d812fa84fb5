// ob.budgets_now: what is left of the providers' rate limits. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include <map>
#include <utility>

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/server_budget.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::BudgetUse;

Fields budget_row(const std::string &server, const BudgetUse &use, CallLimit limit, Timestamp now) {
	const Timestamp free_at = use.window.free_at(limit, now);
	return {field(server),
	        use.connection == store::kEveryConnection ? Field() : field(use.connection),
	        field(use.call_class),
	        field(limit.calls),
	        field(std::to_string(limit.period.count()) + " seconds"),
	        field(use.window.used(limit, now)),
	        free_at > now ? field(std::optional(free_at)) : Field()};
}

std::optional<CallLimit> per_connection(const providers::ServerLimits &limits, const std::string &call_class) {
	const auto found = limits.find(call_class);
	return found == limits.end() ? std::nullopt : found->second.per_connection;
}

/// All budgets of a server as a whole, and those of connections that anything counts in.
void add_rows(const std::string &server, bool by_connection, std::vector<Fields> *rows) {
	const providers::ServerConfig options = store::server_options(server);
	const providers::ServerLimits limits = store::server_limits(options);
	const std::optional<CallLimit> unattended = store::unattended_limit(options);
	if (limits.empty() && !unattended)
		return;
	const Timestamp now = Runtime::get().clock().now();
	std::vector<BudgetUse> uses;
	store::as_owner([&] { uses = store::read_budgets(server, by_connection); });
	std::map<std::string, BudgetUse> of_server;
	for (BudgetUse &use : uses)
		if (use.connection == store::kEveryConnection)
			of_server[use.call_class] = std::move(use);
	for (const auto &[call_class, limit] : limits)
		if (limit.per_client) {
			BudgetUse &use = of_server[call_class];
			use.call_class = call_class;
			rows->push_back(budget_row(server, use, *limit.per_client, now));
		}
	for (const BudgetUse &use : uses) {
		if (use.connection == store::kEveryConnection)
			continue;
		const std::optional<CallLimit> limit =
		    use.call_class.starts_with(store::kUnattended) ? unattended : per_connection(limits, use.call_class);
		if (limit && use.window.used(*limit, now) > 0)
			rows->push_back(budget_row(server, use, *limit, now));
	}
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_budgets_now) {
	const bool by_connection = boolean_argument(fcinfo, 0).value_or(true);
	std::vector<Fields> rows;
	for (const std::string &server : ob::pg::store::usable_servers())
		add_rows(server, by_connection, &rows);
	return return_rows(fcinfo, rows);
}
