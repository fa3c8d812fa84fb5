// ob.purge: what has been kept for long enough. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include <algorithm>
#include <map>

#include "pg/entry.hpp"
#include "pg/memory.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/budgets.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/sql.hpp"
#include "pg/subxact.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Param;
using store::Statement;

#define OB_OLD " < now() - $1::interval "

/// What a name in the retention stands for. Each statement deletes 1000 rows at most and is repeated until it finds
/// fewer; $2, where it has one, is a connection. That a row is old is asked of itself, too, where anybody may have
/// changed it since the statement chose it.
struct Kind {
	const char *name;
	bool by_connection;
	Statement erase;
};

constexpr std::uint64_t kBatch = 1000;

std::span<Kind> kinds() {
	static Kind all[] = {
	    {"audit_addresses", false,
	     Statement("DELETE FROM ob.audit_addresses WHERE audit_id IN (SELECT a.audit_id FROM ob.audit_addresses a "
	               "JOIN ob.audit_log l ON l.id = a.audit_id WHERE l.at" OB_OLD "ORDER BY a.audit_id LIMIT 1000)")},
	    {"audit_log", false,
	     Statement("WITH old AS (SELECT id FROM ob.audit_log WHERE at" OB_OLD "ORDER BY id LIMIT 1000), "
	               "addresses AS (DELETE FROM ob.audit_addresses a USING old WHERE a.audit_id = old.id) "
	               "DELETE FROM ob.audit_log l USING old WHERE l.id = old.id")},
	    {"links", false,
	     Statement("DELETE FROM ob.links WHERE link_id IN (SELECT link_id FROM ob.links "
	               "WHERE greatest(updated_at, expires_at)" OB_OLD "ORDER BY link_id LIMIT 1000)")},
	    // What a provider has handed out and could not be stored is not thrown away.
	    {"outcomes", false,
	     Statement("DELETE FROM ob.outcomes WHERE id IN (SELECT id FROM ob.outcomes WHERE phase IN ('done', 'failed') "
	               "AND sealed IS NULL AND updated_at" OB_OLD "ORDER BY id LIMIT 1000)")},
	    {"webhook_events", false,
	     Statement("DELETE FROM ob.webhook_events WHERE last_received_at" OB_OLD "AND status <> 'waiting' "
	               "AND event_id IN (SELECT event_id FROM ob.webhook_events "
	               "WHERE last_received_at" OB_OLD "AND status <> 'waiting' ORDER BY event_id LIMIT 1000)")},
	    {"quarantine", true,
	     Statement("DELETE FROM ob.quarantine WHERE connection_id = $2 AND last_seen_at" OB_OLD
	               "AND id IN (SELECT id FROM ob.quarantine "
	               "WHERE connection_id = $2 AND last_seen_at" OB_OLD "ORDER BY id LIMIT 1000)")},
	    {"removed_transactions", true,
	     Statement("DELETE FROM ob.transactions_all WHERE connection_id = $2 AND removed_at" OB_OLD
	               "AND (account_id, transaction_id) IN "
	               "(SELECT account_id, transaction_id FROM ob.transactions_all WHERE connection_id = $2 "
	               "AND removed_at" OB_OLD "ORDER BY account_id, transaction_id LIMIT 1000)")},
	    {"removed_accounts", true,
	     Statement("DELETE FROM ob.accounts_all a WHERE a.connection_id = $2 AND a.removed_at" OB_OLD
	               "AND NOT EXISTS (SELECT FROM ob.transactions_all t WHERE t.connection_id = $2 "
	               "AND t.account_id = a.account_id)")},
	};
	return all;
}

/// Reads something as owner and lets go of it.
store::Result read(Statement &statement) {
	store::Result found;
	with_scratch_memory([&] { store::as_owner([&] { found = statement.read_fresh({}); }); });
	return found;
}

/// By name, as intervals. Throws invalid_argument for a name that nothing stands behind.
std::map<std::string, std::string> read_retention() {
	static Statement select(
	    "SELECT r.key, r.value::interval::text FROM ob.installation i, jsonb_each_text(i.retention) r");
	std::map<std::string, std::string> retention;
	std::string known;
	for (const Kind &kind : kinds())
		known.append(known.empty() ? "" : ", ").append(kind.name);
	for (const store::Row &row : read(select).rows) {
		const auto is_named = [&](const Kind &kind) { return row.text(0) == kind.name; };
		if (std::none_of(kinds().begin(), kinds().end(), is_named))
			throw Error(ErrorCode::invalid_argument, "\"" + row.text(0) + "\" in the retention is unknown", {},
			            "Known are: " + known + ".");
		retention.emplace(row.text(0), row.text(1));
	}
	return retention;
}

struct Counts {
	std::int64_t rows = 0;
	std::int64_t busy = 0; // connections
};

/// A batch, in a commit with its line in the audit log. Returns how many rows.
std::uint64_t purge_batch(Kind &kind, const std::string &interval, std::optional<ConnectionId> connection) {
	std::vector<Param> params{Param::text(interval)};
	if (connection)
		params.push_back(Param::integer(*connection));
	std::uint64_t erased = 0;
	const auto batch = [&] {
		erased = kind.erase.run(params).processed;
		if (erased == 0)
			return;
		json::Object details;
		details.set("what", kind.name).set("rows", erased);
		const std::string text(details.dump());
		store::audit({.action = "PURGED", .connection = connection, .details_json = text});
	};
	with_scratch_memory([&] { subtransaction([&] { store::as_owner(batch); }); });
	store::commit();
	return erased;
}

/// Not beside a sync of the connection, which may be about to bring back what has been away for long, and locks rows in
/// an order of its own. It may come in between two batches.
void purge(Kind &kind, const std::string &interval, std::optional<ConnectionId> connection, Counts *counts) {
	for (std::uint64_t erased = kBatch; erased == kBatch;) {
		Runtime::get().waiter().check();
		const auto batch = [&] { erased = purge_batch(kind, interval, connection); };
		if (!connection) {
			batch();
		} else if (!with_free_connection(*connection, batch)) {
			++counts->busy;
			return;
		}
		counts->rows += static_cast<std::int64_t>(erased);
	}
}

Counts purge_all(Kind &kind, const std::string &interval) {
	static Statement connections("SELECT id FROM ob.connections ORDER BY id");
	Counts counts;
	if (!kind.by_connection) {
		purge(kind, interval, std::nullopt, &counts);
		return counts;
	}
	for (const store::Row &row : read(connections).rows)
		purge(kind, interval, row.integer(0), &counts);
	return counts;
}

void purge() {
	const std::map<std::string, std::string> retention = read_retention();
	for (Kind &kind : kinds()) {
		const auto found = retention.find(kind.name);
		if (found == retention.end())
			continue;
		const Counts counts = purge_all(kind, found->second);
		const char *name = kind.name;
		guard([&] {
			ereport(NOTICE,
			        (errmsg("%s: " INT64_FORMAT " rows purged", name, counts.rows),
			         counts.busy > 0
			             ? errdetail(INT64_FORMAT " connections are being synced: theirs are left for the next time.",
			                         counts.busy)
			             : 0));
		});
	}
	with_scratch_memory([] { subtransaction([] { store::as_owner([] { store::purge_budgets(); }); }); });
	store::commit();
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_purge) {
	using namespace ob::pg::sqlapi;
	ob::pg::store::in_procedure(fcinfo, "ob.purge", [&] { purge(); });
	return 0;
}
