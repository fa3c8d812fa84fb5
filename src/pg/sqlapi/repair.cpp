#include "pg/sqlapi/repair.hpp"

extern "C" {
#include "tcop/utility.h"
}

#include "pg/guard.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/sqlapi/journey.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/owner.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/sync_start.hpp"
#include "pg/worker/token_keeper.hpp"
#include "sync/failure.hpp"

namespace ob::pg::sqlapi {

namespace {

void store_repair(const store::Link &link, const store::Connection &connection, const store::Repair &repair,
                  std::string_view request_id) {
	store::apply_repair(connection.id, repair);
	store::complete_link(link.link_id, connection.id);
	store::audit({.action = "REAUTHORIZED",
	              .connection = connection.id,
	              .server = connection.server,
	              .request_id = request_id,
	              .user_ip = repair.user_ip});
}

/// Whether the connection itself shows that the user has been through with it: it works, and did not before, or the
/// consent lasts longer.
bool shows_repair(const store::Connection &connection, const providers::ConnectionHealth &health) {
	if (connection.state != "active")
		return true;
	std::optional<Timestamp> known;
	store::as_owner([&] { known = store::consent_expiry(connection.id); });
	return known && health.consent_expires_at > known;
}

} // namespace

Task<Fields> complete_repair(store::Link link, std::string user_ip) {
	const ConnectionId id = link.connection.value();
	if (link.state == "completed")
		co_return connection_row(id);
	// An expired one is as good: what counts is what the provider says.
	if (link.state != "open")
		store::throw_ended(link);
	guard([] { PreventCommandIfReadOnly("ob.link_complete() of a repair"); });
	Task<bool> recovered = worker::recover(id, {});
	(void)co_await recovered;
	Task<bool> locking = wait_for_lock(id, LockScope::transaction);
	if (!co_await locking)
		co_return status_row("waiting", "another session works on the connection: ask again");

	const store::Connection connection = store::find_connection(id);
	const store::LoadedServer server = store::load_server(connection.server, connection.mapping_role);
	providers::CallStats stats;
	providers::Session session = worker::connection_session(server, connection, stats);
	Task<providers::ConnectionHealth> asked =
	    server.provider->health(std::move(session), store::load_credentials(connection));
	store::Repair repair;
	repair.health = co_await asked;
	repair.user_ip = user_ip.empty() ? link.user_ip : user_ip;
	if (const std::optional<SyncFailure> failure = sync::standing_failure(repair.health)) {
		Fields row = connection_row(id, "the bank still refuses (" + repair.health.error_code +
		                                    "): the user has to finish first");
		row[1] = failure->new_state;
		co_return std::move(row);
	}
	if (!shows_repair(connection, repair.health)) {
		Secret token;
		store::as_owner([&] { token = store::read_link_token(link.link_id); });
		Task<providers::Journey> followed = follow(server, std::move(token));
		const providers::Journey journey = co_await followed;
		if (journey.state != providers::Journey::State::granted)
			co_return ungranted_row(link, journey);
	}
	store::as_owner([&] { store_repair(link, connection, repair, stats.last_request_id); });
	worker::sync_after_commit();
	co_return connection_row(id);
}

} // namespace ob::pg::sqlapi
