// ob.check_consents: who has to consent again soon. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/notify.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/sql.hpp"
#include "pg/store/sync_store.hpp"
#include "pg/worker/sync_start.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Param;
using store::Statement;

#define OB_ENDS_SOON "(consent_expires_at < now() + interval '7 days')"
#define OB_IS_WARNED "(requires_reauth AND reauth_reason = 'consent_expired')"
// Nobody has asked the provider since: only he knows whether the user has consented again.
#define OB_IS_OVER "(consent_expires_at < now() AND (last_sync_at IS NULL OR last_sync_at < consent_expires_at))"

struct Counts {
	std::int64_t warned = 0;
	std::int64_t renewed = 0;
	std::int64_t over = 0;
};

std::vector<ConnectionId> candidates(store::PgSyncStore &store) {
	static Statement select("SELECT id FROM ob.connections WHERE state = 'active' AND server::text = ANY ($1) AND "
	                        "((" OB_ENDS_SOON " AND NOT requires_reauth) OR (" OB_IS_WARNED " AND " OB_ENDS_SOON
	                        " IS NOT TRUE) OR " OB_IS_OVER ") ORDER BY id");
	const std::vector<std::string> servers = store::usable_servers();
	std::vector<ConnectionId> ids;
	store.read([&] {
		for (const store::Row &row : select.read_fresh({Param::text_array(servers)}).rows)
			ids.push_back(row.integer(0));
	});
	return ids;
}

void check_consent(ConnectionId id, Counts &counts) {
	static Statement warn("UPDATE ob.connections SET requires_reauth = true, reauth_reason = 'consent_expired', "
	                      "updated_at = clock_timestamp() WHERE id = $1 AND state = 'active' AND NOT requires_reauth "
	                      "AND " OB_ENDS_SOON);
	static Statement forget("UPDATE ob.connections SET requires_reauth = false, reauth_reason = NULL, "
	                        "updated_at = clock_timestamp() WHERE id = $1 AND state = 'active' AND " OB_IS_WARNED
	                        " AND " OB_ENDS_SOON " IS NOT TRUE");
	static Statement ask("UPDATE ob.sync_state SET next_sync_at = clock_timestamp() WHERE connection_id = $1 "
	                     "AND next_sync_at > clock_timestamp() "
	                     "AND EXISTS (SELECT FROM ob.connections WHERE id = $1 AND " OB_IS_OVER ")");
	if (warn.run({Param::integer(id)}).processed > 0) {
		++counts.warned;
		store::notify(id, "expiring");
		store::audit({.action = "CONSENT_EXPIRING", .connection = id});
	}
	counts.renewed += static_cast<std::int64_t>(forget.run({Param::integer(id)}).processed);
	counts.over += static_cast<std::int64_t>(ask.run({Param::integer(id)}).processed);
}

void check_consents() {
	store::PgSyncStore store(store::Commit::each_unit, nullptr);
	Counts total;
	for (const ConnectionId id : candidates(store)) {
		Runtime::get().waiter().check();
		Counts counts;
		store.unit([&] { check_consent(id, counts); });
		total.warned += counts.warned;
		total.renewed += counts.renewed;
		total.over += counts.over;
	}
	if (total.over > 0)
		worker::sync_after_commit();
	guard([&] {
		ereport(NOTICE, (errmsg("consents: " INT64_FORMAT " newly end within 7 days, " INT64_FORMAT
		                        " renewed, " INT64_FORMAT " over and asked about",
		                        total.warned, total.renewed, total.over),
		                 total.warned > 0 ? errhint("See ob.consents_expiring.") : 0));
	});
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_check_consents) {
	using namespace ob::pg::sqlapi;
	ob::pg::store::in_procedure(fcinfo, "ob.check_consents", [&] { check_consents(); });
	return 0;
}
