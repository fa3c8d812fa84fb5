#include "pg/store/budgets.hpp"

#include <algorithm>
#include <map>

#include "core/error.hpp"
#include "pg/store/sql.hpp"
#include "json/document.hpp"

namespace ob::pg::store {

namespace {

// Of what is left nobody gets more at once.
constexpr std::int64_t kShare = 8;

// No limit of a provider remembers a call for longer.
constexpr std::chrono::hours kLongestMemory{48};

/// One row: the windows by class.
using Windows = std::map<std::string, CallWindow, std::less<>>;

/// {"accounts": [second, calls, second, calls, …], …}
std::string to_json(const Windows &windows) {
	json::Object object;
	for (const auto &[call_class, window] : windows) {
		json::Array slots;
		for (const auto &[second, calls] : window.slots())
			slots.add(second).add(calls);
		object.set(call_class, slots);
	}
	return std::string(object.dump());
}

Windows from_json(std::string_view text) {
	Windows windows;
	const auto document = json::Document::parse(text);
	for (const auto &[call_class, list] : document.root().members()) {
		const std::vector<json::Node> numbers = list.items();
		CallWindow::Slots slots;
		for (std::size_t i = 0; i + 1 < numbers.size(); i += 2)
			slots[numbers[i].integer().value_or(0)] += numbers[i + 1].integer().value_or(0);
		windows.emplace(call_class, CallWindow(std::move(slots)));
	}
	return windows;
}

BudgetGrant take(CallWindow &window, const BudgetWant &want, Timestamp now) {
	// The fewer there are, the more evenly they are shared.
	const std::int64_t left = want.limit.calls - window.used(want.limit, now);
	BudgetGrant grant;
	grant.from = now;
	grant.until = CallWindow::usable_until(want.limit, now);
	if (want.calls < 0)
		window.give_back(-want.calls);
	grant.free_at = window.free_at(want.limit, now);
	if (want.calls < 0)
		return grant;
	grant.calls = window.take(want.limit, now, std::min(want.calls, std::max<std::int64_t>(left / kShare, 1)));
	return grant;
}

/// In the order of their ids, as everybody does.
std::map<ConnectionId, Windows> lock(const std::string &server, const std::vector<ConnectionId> &ids) {
	static Statement select("SELECT connection_id, spent FROM ob.budgets WHERE server = $1 "
	                        "AND connection_id = ANY ($2) ORDER BY connection_id FOR UPDATE");
	static Statement insert("INSERT INTO ob.budgets (server, connection_id) SELECT $1, i FROM unnest($2::bigint[]) i "
	                        "ORDER BY i ON CONFLICT DO NOTHING");
	Result found = select.run({Param::name(server), Param::integer_array(ids)});
	if (found.rows.size() < ids.size()) {
		insert.run({Param::name(server), Param::integer_array(ids)});
		found = select.run({Param::name(server), Param::integer_array(ids)});
	}
	std::map<ConnectionId, Windows> rows;
	for (const Row &row : found.rows)
		rows.emplace(row.integer(0), from_json(row.text(1)));
	return rows;
}

/// Windows that no limit remembers, such as those of accounts that are called by another id now.
void forget_old(std::map<ConnectionId, Windows> &rows, Timestamp now) {
	const std::int64_t first =
	    std::chrono::floor<std::chrono::seconds>(now - kLongestMemory).time_since_epoch().count();
	for (auto &[id, windows] : rows)
		std::erase_if(windows, [&](const auto &entry) {
			const CallWindow::Slots &slots = entry.second.slots();
			return slots.empty() || slots.rbegin()->first < first;
		});
}

void save(const std::string &server, const std::map<ConnectionId, Windows> &rows, Timestamp now) {
	static Statement update("UPDATE ob.budgets b SET spent = n.spent::jsonb, updated_at = $4 "
	                        "FROM unnest($2::bigint[], $3::text[]) AS n (id, spent) "
	                        "WHERE b.server = $1 AND b.connection_id = n.id");
	std::vector<std::int64_t> ids;
	std::vector<std::string> spent;
	for (const auto &[id, windows] : rows) {
		ids.push_back(id);
		spent.push_back(to_json(windows));
	}
	const Result updated =
	    update.run({Param::name(server), Param::integer_array(ids), Param::text_array(spent), Param::timestamp(now)});
	if (updated.processed != ids.size())
		throw Error(ErrorCode::internal, "what was taken of the budgets could not be recorded", "server: " + server);
}

} // namespace

std::vector<BudgetGrant> take_budgets(const std::string &server, std::span<const BudgetWant> wants, Timestamp now,
                                      Taking taking) {
	std::vector<ConnectionId> ids;
	for (const BudgetWant &want : wants)
		ids.push_back(want.connection);
	std::sort(ids.begin(), ids.end());
	ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
	std::map<ConnectionId, Windows> rows = lock(server, ids);
	std::vector<BudgetGrant> grants;
	bool short_of_one = false;
	for (const BudgetWant &want : wants) {
		grants.push_back(take(rows[want.connection][want.call_class], want, now));
		short_of_one = short_of_one || (want.calls > 0 && grants.back().calls == 0);
	}
	if (taking == Taking::all && short_of_one) {
		for (BudgetGrant &grant : grants)
			grant.calls = 0;
		return grants;
	}
	forget_old(rows, now);
	save(server, rows, now);
	return grants;
}

IdleGrants take_idle_budgets(const std::string &server, const std::vector<ConnectionId> &connections,
                             std::span<const BudgetWant> wants, Timestamp now, std::chrono::seconds idle_for) {
	static Statement update("UPDATE ob.budgets SET spent = $3::jsonb, updated_at = $4 WHERE server = $1 "
	                        "AND connection_id = ANY ($2) AND updated_at < $5 RETURNING connection_id");
	IdleGrants idle;
	Windows windows;
	for (const BudgetWant &want : wants)
		idle.grants.push_back(take(windows[want.call_class], want, now));
	const std::string spent = to_json(windows);
	const Result updated = update.run({Param::name(server), Param::integer_array(connections), Param::text(spent),
	                                   Param::timestamp(now), Param::timestamp(now - idle_for)});
	for (const Row &row : updated.rows)
		idle.connections.push_back(row.integer(0));
	return idle;
}

std::vector<BudgetUse> read_budgets(const std::string &server, bool by_connection) {
	static Statement all("SELECT connection_id, spent FROM ob.budgets WHERE server = $1 ORDER BY connection_id");
	static Statement one("SELECT connection_id, spent FROM ob.budgets WHERE server = $1 AND connection_id = 0");
	std::vector<BudgetUse> uses;
	for (const Row &row : (by_connection ? all : one).read_fresh({Param::name(server)}).rows)
		for (auto &[call_class, window] : from_json(row.text(1)))
			uses.push_back({row.integer(0), call_class, std::move(window)});
	return uses;
}

void purge_budgets() {
	static Statement purge("DELETE FROM ob.budgets WHERE (server, connection_id) IN (SELECT server, connection_id "
	                       "FROM ob.budgets WHERE updated_at < $1 ORDER BY server, connection_id FOR UPDATE)");
	purge.run({Param::timestamp(SystemClock().now() - kLongestMemory)});
}

} // namespace ob::pg::store
