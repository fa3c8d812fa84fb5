// ob.adopt_connection: tokens that were made elsewhere. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "tcop/utility.h"
}

#include "pg/entry.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/sqlapi/linking.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/tokens.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/first_look.hpp"
#include "pg/worker/sync_start.hpp"
#include "sync/failure.hpp"

namespace ob::pg::sqlapi {

namespace {

void audit(ConnectionId id, const store::NewConnection &adopted, std::string_view action) {
	store::audit({.action = action,
	              .connection = id,
	              .server = adopted.server,
	              .request_id = adopted.established.request_id,
	              .details_json = R"({"adopted": true})"});
}

/// The same user's connection goes on with these tokens, from where its own syncs have read to.
Task<void> renew(ConnectionId id, store::LoadedServer server, const store::NewConnection *adopted) {
	Task<void> locking = lock_for_transaction(id);
	co_await locking;
	// Asked once more, now that nobody else can: a rotation meanwhile would make them dead ones, and the live ones must
	// not be written over.
	providers::CallStats stats;
	providers::Session session = Runtime::get().session(server.config, stats, id);
	Task<providers::ConnectionHealth> asked =
	    server.provider->health(std::move(session), adopted->established.credentials);
	const providers::ConnectionHealth health = co_await asked;
	const std::optional<SyncFailure> standing_error = sync::standing_failure(health);
	store::as_owner([&] {
		store::save_tokens(adopted->server, store::token_subject(id), adopted->established.credentials,
		                   adopted->established.expires_at);
		store::apply_repair(id, {.health = health, .consented = false, .user_ip = {}});
		if (standing_error)
			store::apply_standing_error(id, *standing_error, std::nullopt);
		audit(id, *adopted, "REAUTHORIZED");
	});
}

/// Nothing here is irreversible at the provider: all of it is the caller's transaction.
Task<Fields> adopt(store::LoadedServer server, std::string user_ref, std::string credentials_json) {
	providers::CallStats stats;
	providers::Session session = Runtime::get().session(server.config, stats);
	Task<providers::Adopted> checked = server.provider->adopt(std::move(session), std::move(credentials_json));
	providers::Adopted adopted = co_await checked;
	store::NewConnection fresh;
	fresh.server = server.config->name;
	fresh.provider = server.config->provider;
	fresh.user_ref = std::move(user_ref);
	fresh.mapping_role = store::current_role();
	fresh.consents_now = false;
	fresh.established = std::move(adopted.established);
	fresh.cursor = std::move(adopted.cursor);
	Task<store::FirstLook> looked = worker::look_at(server, fresh.established.credentials, {});
	fresh.look = co_await looked;

	worker::sync_after_commit();
	std::optional<ConnectionId> id;
	store::as_owner([&] {
		id = store::insert_connection(fresh);
		if (id)
			audit(*id, fresh, "CONNECTED");
	});
	if (id)
		co_return connection_row(*id);
	ConnectionId known = 0;
	store::as_owner([&] { known = store::find_known(fresh).value(); });
	Task<void> renewed = renew(known, std::move(server), &fresh);
	co_await renewed;
	co_return connection_row(known, "this bank login was linked already: its connection goes on with these tokens");
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_adopt_connection) {
	using namespace ob::pg::sqlapi;
	ob::pg::guard([] { PreventCommandIfReadOnly("ob.adopt_connection()"); });
	ob::pg::store::load_keys();
	auto server = usable_server(required(name_argument(fcinfo, 0), "server"));
	return return_rows(fcinfo, {run(adopt(std::move(server), user_ref_argument(fcinfo, 1),
	                                      required(output_argument(fcinfo, 2), "credentials")))});
}
