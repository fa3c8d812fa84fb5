// ob.retry_quarantine: what could not be stored is read once more. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/operate.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/sql.hpp"
#include "pg/store/sync_store.hpp"
#include "pg/worker/sync_start.hpp"
#include "providers/window_provider.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Param;
using store::Statement;

struct Counts {
	std::int64_t due = 0;
	std::int64_t busy = 0;
};

std::vector<ConnectionId> with_quarantine(store::PgSyncStore &store) {
	static Statement select("SELECT c.id FROM ob.connections c WHERE c.state = 'active' AND c.server::text = ANY ($1) "
	                        "AND EXISTS (SELECT FROM ob.quarantine q WHERE q.connection_id = c.id) ORDER BY c.id");
	const std::vector<std::string> servers = store::usable_servers();
	std::vector<ConnectionId> ids;
	store.read([&] {
		for (const store::Row &row : select.read_fresh({Param::text_array(servers)}).rows)
			ids.push_back(row.integer(0));
	});
	return ids;
}

/// A change feed tells a change once: only from its beginning does the row come again. Windows need only be as long as
/// at first, and what was read before stays known.
void read_anew(store::PgSyncStore &store, ConnectionId id) {
	store.unit([&] {
		if (providers::is_read_by_windows(*providers::find_provider(store::find_connection(id).provider)))
			store::owe_full_sync(id);
		else
			store::read_anew(id);
		store::audit({.action = "QUARANTINE_RETRIED", .connection = id});
	});
}

void retry_quarantine() {
	store::PgSyncStore store(store::Commit::each_unit, nullptr);
	Counts counts;
	for (const ConnectionId id : with_quarantine(store)) {
		Runtime::get().waiter().check();
		// Not under a sync that is under way: it would find its cursor gone. That one may settle the rows, too.
		++(with_free_connection(id, [&] { read_anew(store, id); }) ? counts.due : counts.busy);
	}
	if (counts.due > 0)
		worker::sync_after_commit();
	guard([&] {
		ereport(NOTICE,
		        (errmsg(INT64_FORMAT " connections will be read anew", counts.due),
		         counts.busy > 0 ? errdetail(INT64_FORMAT " more are being synced: try again.", counts.busy) : 0));
	});
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_retry_quarantine) {
	using namespace ob::pg::sqlapi;
	ob::pg::store::in_procedure(fcinfo, "ob.retry_quarantine", [&] { retry_quarantine(); });
	return 0;
}
