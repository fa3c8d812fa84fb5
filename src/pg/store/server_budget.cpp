#include "pg/store/server_budget.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
}

#include <algorithm>
#include <map>
#include <tuple>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "pg/guard.hpp"
#include "pg/runtime.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/sync_store.hpp"
#include "providers/option_values.hpp"

namespace ob::pg::store {

namespace {

// Leases that took longer to be had than they last.
constexpr int kTries = 3;
// Of what is taken at once. Whoever dies with it has wasted no more.
constexpr std::int64_t kLargestPart = 16;
// Expired ones are forgotten when there are so many, and then twice as many as were left.
constexpr std::size_t kManyLeases = 1000;

constexpr std::string_view kUnattendedOption = "unattended_per_day";

/// Calls in hand of one budget, and what is known of it.
struct Lease {
	std::int64_t left = 0;
	std::int64_t size = 0; // of the last one
	Timestamp from{};
	Timestamp until{};
	Timestamp free_at{}; // there is none before
	CallLimit limit;     // for which that was said

	bool is_usable(Timestamp now) const { return left > 0 && now >= from && now < until; }
	bool is_denied(Timestamp now, CallLimit now_limit) const {
		return limit == now_limit && now >= from && now < free_at;
	}
	/// As many as were used of the last one, twice that if it did not last.
	std::int64_t next_size(CallLimit next, Timestamp now) const {
		if (size == 0 || now < from || now > until + next.period)
			return 1;
		const std::int64_t wanted = left == 0 && now < until ? 2 * size : size - left;
		return std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(next.calls / kLargestPart, 1));
	}
	void add(const BudgetGrant &grant, CallLimit of) {
		// Another one may have come meanwhile.
		const bool has_more = is_usable(grant.from);
		if (has_more && grant.calls == 0)
			return;
		limit = of;
		from = grant.from;
		free_at = grant.calls == 0 ? grant.free_at : Timestamp{};
		until = has_more ? std::min(until, grant.until) : grant.until;
		left = grant.calls + (has_more ? left : 0);
		size = left;
	}
};

using Key = std::tuple<std::string, ConnectionId, std::string>;

std::map<Key, Lease> &leases() {
	static std::map<Key, Lease> all;
	return all;
}

Lease &lease_of(const std::string &server, const BudgetWant &want) {
	return leases()[Key(server, want.connection, want.call_class)];
}

void forget_expired(Timestamp now) {
	static std::size_t many = kManyLeases;
	if (leases().size() < many)
		return;
	std::erase_if(leases(),
	              [&](const auto &entry) { return now >= std::max(entry.second.until, entry.second.free_at); });
	many = std::max(kManyLeases, 2 * leases().size());
}

/// Takes calls in a transaction of its own: this process's, where it may have one.
Task<std::vector<BudgetGrant>> take_apart(std::string server, std::vector<BudgetWant> wants) {
	Loop &loop = co_await ThisLoop();
	if (guard([] { return RecoveryInProgress(); }))
		throw Error(ErrorCode::not_configured, "a standby makes no calls that are limited",
		            "server: " + server + "; they are counted in ob.budgets, which can be written on the primary only",
		            "Ask the primary. With the server's option limits 'off' calls are not counted.");
	const bool is_worker = !guard([] { return IsTransactionState(); });
	if (!is_worker && !may_commit_in(loop)) {
		Task<std::vector<BudgetGrant>> task = take_by_worker(std::move(server), std::move(wants));
		co_return co_await task;
	}
	std::vector<BudgetGrant> grants;
	PgSyncStore store(is_worker ? Commit::own_transactions : Commit::each_unit, nullptr);
	store.unit([&] { grants = take_budgets(server, wants, Runtime::get().clock().now(), Taking::all); },
	           Durability::certain);
	co_return grants;
}

/// As take_apart(). What the database has against it (a lock, a full disk) is no defect.
Task<std::vector<BudgetGrant>> take_surely(std::string server, std::vector<BudgetWant> wants) {
	Task<std::vector<BudgetGrant>> task = take_apart(server, std::move(wants));
	try {
		co_return co_await task;
	} catch (const Error &error) {
		if (error.code() != ErrorCode::internal)
			throw;
		throw Error(ErrorCode::no_worker, "a call could not be counted, so it was not made",
		            "server: " + server + ", " + error.detail(), "Try again later; see the server log.");
	}
}

class ServerBudget final : public Budget {
public:
	ServerBudget(std::string server, providers::ServerLimits limits, std::optional<CallLimit> unattended)
	    : server_(std::move(server)), limits_(std::move(limits)), unattended_(unattended) {}

	Task<std::optional<Shortage>> take(std::string call_class, std::optional<ConnectionId> connection) override {
		Task<std::optional<Shortage>> taking = take_all(budgets_of(call_class, connection));
		co_return co_await taking;
	}

	Task<std::optional<Shortage>> take_unattended(std::string call_class, ConnectionId connection,
	                                              std::string resource) override {
		std::vector<BudgetWant> wants = budgets_of(call_class, connection);
		if (unattended_)
			wants.push_back({connection, std::string(kUnattended) + resource, *unattended_});
		Task<std::optional<Shortage>> taking = take_all(std::move(wants));
		co_return co_await taking;
	}

	Task<void> give_back_unattended(ConnectionId connection, std::string resource) override {
		if (!unattended_)
			co_return;
		std::vector<BudgetWant> unused{{connection, std::string(kUnattended) + resource, *unattended_, -1}};
		lease_of(server_, unused.front()).free_at = {};
		Task<std::vector<BudgetGrant>> task = take_surely(server_, std::move(unused));
		co_await task;
	}

private:
	/// One call of each, or none at all.
	Task<std::optional<Shortage>> take_all(std::vector<BudgetWant> wants) {
		for (int tries = 0; tries < kTries; ++tries) {
			std::optional<Shortage> shortage = find_shortage(wants);
			if (shortage)
				co_return shortage;
			std::vector<BudgetWant> missing = missing_ones(wants);
			if (missing.empty()) {
				for (const BudgetWant &want : wants)
					--lease_of(server_, want).left;
				co_return std::nullopt;
			}
			forget_expired(Runtime::get().clock().now());
			Task<std::vector<BudgetGrant>> task = take_surely(server_, missing);
			const std::vector<BudgetGrant> grants = co_await task;
			for (std::size_t i = 0; i < missing.size(); ++i)
				lease_of(server_, missing[i]).add(grants[i], missing[i].limit);
		}
		throw Error(ErrorCode::no_worker, "calls could not be counted in time, so none was made", "server: " + server_,
		            "Try again later: the database is very busy.");
	}

	std::vector<BudgetWant> budgets_of(const std::string &call_class, std::optional<ConnectionId> connection) const {
		std::vector<BudgetWant> wants;
		const auto found = limits_.find(call_class);
		if (found == limits_.end())
			return wants;
		if (found->second.per_client)
			wants.push_back({kEveryConnection, call_class, *found->second.per_client});
		if (found->second.per_connection && connection)
			wants.push_back({*connection, call_class, *found->second.per_connection});
		return wants;
	}

	/// Of what is known here already: hardly anybody gives any back.
	std::optional<Shortage> find_shortage(const std::vector<BudgetWant> &wants) const {
		const Timestamp now = Runtime::get().clock().now();
		std::optional<Shortage> worst;
		for (const BudgetWant &want : wants) {
			const Lease &lease = lease_of(server_, want);
			if (lease.is_usable(now) || !lease.is_denied(now, want.limit) || (worst && worst->free_at >= lease.free_at))
				continue;
			worst = Shortage{lease.free_at, want.limit, want.connection != kEveryConnection,
			                 want.call_class.starts_with(kUnattended)};
		}
		return worst;
	}

	std::vector<BudgetWant> missing_ones(const std::vector<BudgetWant> &wants) const {
		const Timestamp now = Runtime::get().clock().now();
		std::vector<BudgetWant> missing;
		for (BudgetWant want : wants) {
			const Lease &lease = lease_of(server_, want);
			if (lease.is_usable(now))
				continue;
			want.calls = lease.next_size(want.limit, now);
			missing.push_back(std::move(want));
		}
		return missing;
	}

	const std::string server_;
	const providers::ServerLimits limits_;
	const std::optional<CallLimit> unattended_;
};

} // namespace

providers::ServerLimits server_limits(const providers::ServerConfig &config) {
	const providers::Provider *provider = providers::find_provider(config.provider);
	if (!provider)
		return {};
	return providers::read_limits(provider->call_classes(), config.option("environment"), config.option("limits"));
}

std::optional<CallLimit> unattended_limit(const providers::ServerConfig &config) {
	const auto calls = providers::parse_integer(config.option(kUnattendedOption));
	return calls.value_or(0) > 0 ? std::optional(CallLimit{*calls, std::chrono::hours(24)}) : std::nullopt;
}

std::shared_ptr<Budget> server_budget(const providers::ServerConfig &config) {
	// Made for every connection that is synced, out of the same options.
	struct Made {
		std::string options;
		std::shared_ptr<Budget> budget;
	};
	static std::map<std::string, Made> all;
	const std::string options = config.provider + " " + std::string(config.option("environment")) + " " +
	                            std::string(config.option("limits")) + " " +
	                            std::string(config.option(kUnattendedOption));
	Made &made = all[config.name];
	if (made.options == options)
		return made.budget;
	providers::ServerLimits limits = server_limits(config);
	const std::optional<CallLimit> unattended = unattended_limit(config);
	made.budget = limits.empty() && !unattended
	                  ? nullptr
	                  : std::make_shared<ServerBudget>(config.name, std::move(limits), unattended);
	made.options = options;
	return made.budget;
}

void SyncBudgets::take(const std::string &server, const std::vector<ConnectionId> &connections) {
	const Timestamp now = Runtime::get().clock().now();
	std::vector<BudgetWant> of_all;
	std::vector<BudgetWant> of_each;
	const providers::ServerConfig options = server_options(server);
	const std::optional<CallLimit> unattended = unattended_limit(options);
	std::chrono::seconds longest = unattended ? unattended->period : std::chrono::seconds();
	for (const auto &[call_class, limits] : server_limits(options)) {
		if (limits.per_connection)
			longest = std::max(longest, limits.per_connection->period);
		if (!limits.in_each_sync)
			continue;
		if (limits.per_connection)
			of_each.push_back({0, call_class, *limits.per_connection});
		if (!limits.per_client)
			continue;
		BudgetWant all{kEveryConnection, call_class, *limits.per_client};
		all.calls = std::min(static_cast<std::int64_t>(connections.size()),
		                     std::max<std::int64_t>(all.limit.calls / kLargestPart, 1));
		if (!lease_of(server, all).is_usable(now))
			of_all.push_back(std::move(all));
	}
	take_from(server, std::move(of_all));
	if (of_each.empty())
		return;
	const IdleGrants idle = take_idle_budgets(server, connections, of_each, now, 2 * longest);
	std::vector<BudgetWant> of_others;
	for (BudgetWant &want : of_each)
		for (const ConnectionId id : connections) {
			want.connection = id;
			if (std::find(idle.connections.begin(), idle.connections.end(), id) == idle.connections.end())
				of_others.push_back(want);
			else
				taken_.push_back({server, want, idle.grants[static_cast<std::size_t>(&want - of_each.data())]});
		}
	take_from(server, std::move(of_others));
}

void SyncBudgets::take_from(const std::string &server, std::vector<BudgetWant> wants) {
	if (wants.empty())
		return;
	const std::vector<BudgetGrant> grants =
	    take_budgets(server, wants, Runtime::get().clock().now(), Taking::what_there_is);
	for (std::size_t i = 0; i < wants.size(); ++i)
		taken_.push_back({server, std::move(wants[i]), grants[i]});
}

void SyncBudgets::keep() {
	forget_expired(Runtime::get().clock().now());
	for (const Taken &taken : taken_)
		lease_of(taken.server, taken.want).add(taken.grant, taken.want.limit);
	taken_.clear();
}

} // namespace ob::pg::store
