// ob.pause_account and ob.resume_account: whether an account's transactions are synced. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/store/accounts.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/operate.hpp"
#include "pg/store/owner.hpp"
#include "pg/worker/sync_start.hpp"
#include "providers/window_provider.hpp"
#include "json/document.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Connection;

struct AccountName {
	std::string id;
	std::string ref; // ours
};

AccountName account_argument(FunctionCallInfo fcinfo, const Connection &connection) {
	std::string id = required(text_argument(fcinfo, 1), "account_id");
	std::string ref = store::account_ref_for_caller(connection.id, id);
	return {std::move(id), std::move(ref)};
}

void audit(const Connection &connection, const AccountName &account, std::string_view action) {
	json::Object details;
	details.set("account_ref", account.ref);
	const std::string text(details.dump());
	store::audit({.action = action, .connection = connection.id, .details_json = text});
}

bool pause(const Connection &connection, const AccountName &account) {
	bool changed = false;
	store::as_owner([&] {
		changed = store::set_account_enabled(connection.id, account.id, false);
		if (changed)
			audit(connection, account, "ACCOUNT_PAUSED");
	});
	return changed;
}

/// Windows go on where they ended. A change feed has told what it had to tell.
bool has_to_be_read_anew(const Connection &connection) {
	return !providers::is_read_by_windows(*providers::find_provider(connection.provider));
}

/// Under the lock: a sync that is under way passes over the account still, and would store a cursor behind what it has
/// passed over.
bool resume(const Connection &connection, const AccountName &account) {
	run(lock_for_transaction(connection.id));
	bool changed = false;
	store::as_owner([&] {
		changed = store::set_account_enabled(connection.id, account.id, true);
		if (!changed)
			return;
		if (has_to_be_read_anew(connection))
			store::read_anew(connection.id);
		else
			store::sync_soon(connection.id);
		audit(connection, account, "ACCOUNT_RESUMED");
	});
	if (changed)
		worker::sync_after_commit();
	return changed;
}

Connection connection_argument(FunctionCallInfo fcinfo) {
	return store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"));
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_pause_account) {
	const auto connection = connection_argument(fcinfo);
	return BoolGetDatum(pause(connection, account_argument(fcinfo, connection)));
}

OB_FUNCTION(ob_resume_account) {
	const auto connection = connection_argument(fcinfo);
	return BoolGetDatum(resume(connection, account_argument(fcinfo, connection)));
}
