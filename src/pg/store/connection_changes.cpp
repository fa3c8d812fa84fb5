#include "pg/store/connection_changes.hpp"

#include "core/error.hpp"
#include "core/time.hpp"
#include "pg/runtime.hpp"
#include "pg/store/account_numbers.hpp"
#include "pg/store/accounts.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/notify.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/sql.hpp"
#include "pg/store/tokens.hpp"
#include "pg/store/webhook_events.hpp"
#include "providers/option_values.hpp"
#include "json/document.hpp"

namespace ob::pg::store {

namespace {

/// Where the first sync begins. With a cursor everything before it counts as read: changes go on from there.
void insert_sync_state(ConnectionId id, const std::string &cursor) {
	static Statement insert("INSERT INTO ob.sync_state (connection_id, cursor, initial_sync_done, history_complete) "
	                        "VALUES ($1, $2, $2 IS NOT NULL, $2 IS NOT NULL)");
	insert.run({Param::integer(id), Param::text_or_null(cursor)});
}

} // namespace

std::optional<ConnectionId> insert_connection(const NewConnection &fresh) {
	static Statement insert(
	    "INSERT INTO ob.connections (server, provider, user_ref, provider_connection_id, institution_id, "
	    "institution_name, institution_logo, state, bank_updated_at, consent_given_at, consent_ip, consent_expires_at, "
	    "mapping_role, scopes, authenticated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, "
	    "COALESCE($13, CASE WHEN $9 THEN clock_timestamp() END), $10::inet, $11, $12, $14, CASE WHEN $9 THEN $15 END) "
	    "ON CONFLICT (server, provider_connection_id) DO NOTHING RETURNING id");
	const ConnectionHealth &health = fresh.look.health;
	const std::vector<std::string> &scopes = health.scopes.empty() ? fresh.established.scopes : health.scopes;
	const Result inserted =
	    insert.run({Param::name(fresh.server), Param::text(fresh.provider), Param::text(fresh.user_ref),
	                Param::text(fresh.established.provider_connection_id), Param::text_or_null(health.institution_id),
	                Param::text_or_null(health.institution_name), Param::text_or_null(fresh.look.institution_logo),
	                Param::timestamp(health.bank_updated_at), Param::boolean(fresh.consents_now),
	                Param::text_or_null(fresh.user_ip), Param::timestamp(health.consent_expires_at),
	                Param::name(fresh.mapping_role), Param::timestamp(health.consent_given_at),
	                Param::text_array_or_null(scopes), Param::timestamp(Runtime::get().clock().now())});
	if (inserted.rows.empty())
		return std::nullopt;
	const ConnectionId id = inserted.rows.front().integer(0);
	insert_sync_state(id, fresh.cursor);
	save_tokens(fresh.server, token_subject(id), fresh.established.credentials, fresh.established.expires_at);
	if (fresh.look.accounts) {
		const bool keep_raw = providers::parse_boolean(server_options(fresh.server).option("keep_raw")).value_or(false);
		write_accounts(id, *fresh.look.accounts, AccountKinds::all, keep_raw);
		keep_account_numbers(id, fresh.look.numbers);
	}
	notify(id, "connected");
	if (fresh.look.standing_error)
		apply_standing_error(id, *fresh.look.standing_error, std::nullopt);
	apply_waiting_webhooks(id);
	return id;
}

std::optional<ConnectionId> find_known(const NewConnection &fresh) {
	static Statement select(
	    "SELECT id, user_ref = $3 FROM ob.connections WHERE server = $1 AND provider_connection_id = $2");
	const Result found =
	    select.read_fresh({Param::name(fresh.server), Param::text(fresh.established.provider_connection_id),
	                       Param::text(fresh.user_ref)});
	if (found.rows.empty())
		return std::nullopt;
	if (!found.rows.front().boolean(1))
		throw LinkedElsewhere(ErrorCode::not_allowed, "this bank login is linked already, for another user",
		                      "server: " + fresh.server,
		                      "The provider gave the same connection once more; nothing was changed.");
	return found.rows.front().integer(0);
}

void apply_repair(ConnectionId id, const Repair &repair) {
	static Statement connection(
	    "UPDATE ob.connections SET state = 'active', reauth_reason = NULL, requires_reauth = false, error_code = NULL, "
	    "error_message = NULL, failing_since = NULL, "
	    "state_since = CASE WHEN state = 'active' THEN state_since ELSE clock_timestamp() END, "
	    "consent_given_at = COALESCE($6, CASE WHEN $2 THEN clock_timestamp() ELSE consent_given_at END), "
	    "authenticated_at = CASE WHEN $2 AND $9 THEN $7 ELSE authenticated_at END, "
	    "provider_connection_id = COALESCE($8, provider_connection_id), "
	    "repaired_at = clock_timestamp(), "
	    "consent_ip = COALESCE($3::inet, consent_ip), consent_expires_at = COALESCE($4, consent_expires_at), "
	    "bank_updated_at = COALESCE($5, bank_updated_at), updated_at = clock_timestamp() WHERE id = $1");
	// A sync that is under way began before.
	static Statement sync_state("UPDATE ob.sync_state SET next_sync_at = clock_timestamp(), attempts = 0, "
	                            "news_at = clock_timestamp() WHERE connection_id = $1");
	static Statement failures("UPDATE ob.outcomes SET phase = 'done', updated_at = clock_timestamp() "
	                          "WHERE connection_id = $1 AND kind = 'failure' AND phase = 'recorded'");
	connection.run({Param::integer(id), Param::boolean(repair.consented), Param::text_or_null(repair.user_ip),
	                Param::timestamp(repair.health.consent_expires_at), Param::timestamp(repair.health.bank_updated_at),
	                Param::timestamp(repair.health.consent_given_at), Param::timestamp(Runtime::get().clock().now()),
	                Param::text_or_null(repair.provider_connection_id), Param::boolean(repair.at_bank)});
	sync_state.run({Param::integer(id)});
	failures.run({Param::integer(id)});
	notify(id, "active");
}

bool apply_failure(ConnectionId id, const SyncFailure &failure, std::optional<Timestamp> begun,
                   std::optional<Timestamp> happened_at) {
	static Statement connection(
	    "UPDATE ob.connections SET state = COALESCE($2, state), reauth_reason = CASE WHEN $2 = 'reauth_required' THEN "
	    "$3 "
	    "ELSE reauth_reason END, state_since = CASE WHEN $2 <> state THEN clock_timestamp() ELSE state_since END, "
	    "error_code = $4, error_message = $5, failing_since = COALESCE(failing_since, clock_timestamp()), "
	    "last_sync_status = 'failed', updated_at = clock_timestamp() "
	    "WHERE id = $1 AND state NOT IN ('revoked', 'disconnected') "
	    "AND ($6 IS NULL OR last_sync_at IS NULL OR last_sync_at < $6) "
	    "AND ($7 IS NULL OR repaired_at IS NULL OR repaired_at < $7)");
	static Statement sync_state(
	    "UPDATE ob.sync_state SET attempts = attempts + 1, next_sync_at = $2, claimed_until = NULL, "
	    "claimed_by = NULL, finished_syncs = finished_syncs + 1, last_report = $3::jsonb WHERE connection_id = $1");
	const Result changed =
	    connection.run({Param::integer(id), Param::text_or_null(failure.new_state),
	                    Param::text_or_null(failure.reauth_reason), Param::text_or_null(failure.provider_code),
	                    Param::text_or_null(failure.message), Param::timestamp(happened_at), Param::timestamp(begun)});
	if (changed.processed == 0)
		return false;
	sync_state.run({Param::integer(id), Param::timestamp(failure.retry_at), Param::text(failure_to_json(failure))});
	if (!failure.new_state.empty())
		notify(id, failure.new_state);
	return true;
}

std::optional<Timestamp> consent_expiry(ConnectionId id) {
	static Statement select(
	    "SELECT (extract(epoch from consent_expires_at) * 1000000)::bigint FROM ob.connections WHERE id = $1");
	const Result found = select.read_fresh({Param::integer(id)});
	return found.rows.empty() ? std::nullopt : found.rows.front().timestamp(0);
}

bool apply_standing_error(ConnectionId id, const SyncFailure &failure, std::optional<Timestamp> begun) {
	static Statement connection(
	    "UPDATE ob.connections SET state = $2, reauth_reason = $3, state_since = clock_timestamp(), "
	    "error_code = $4, error_message = $5 WHERE id = $1 AND state NOT IN ('revoked', 'disconnected') "
	    "AND ($6 IS NULL OR repaired_at IS NULL OR repaired_at < $6)");
	static Statement sync_state("UPDATE ob.sync_state SET next_sync_at = NULL WHERE connection_id = $1 "
	                            "AND next_sync_at IS NOT NULL");
	const Result changed = connection.run(
	    {Param::integer(id), Param::text(failure.new_state), Param::text_or_null(failure.reauth_reason),
	     Param::text_or_null(failure.provider_code), Param::text_or_null(failure.message), Param::timestamp(begun)});
	if (changed.processed == 0)
		return false;
	sync_state.run({Param::integer(id)});
	notify(id, failure.new_state);
	return true;
}

void apply_disconnect(ConnectionId id, bool purge) {
	static Statement connection(
	    "UPDATE ob.connections SET state = 'disconnected', reauth_reason = NULL, requires_reauth = false, error_code = "
	    "NULL, "
	    "error_message = NULL, failing_since = NULL, state_since = clock_timestamp(), updated_at = clock_timestamp() "
	    "WHERE id = $1 AND state <> 'disconnected'");
	static Statement sync_state("UPDATE ob.sync_state SET next_sync_at = NULL, claimed_until = NULL, claimed_by = NULL "
	                            "WHERE connection_id = $1 AND (next_sync_at IS NOT NULL OR claimed_until IS NOT NULL)");
	if (connection.run({Param::integer(id)}).processed > 0)
		notify(id, "disconnected");
	static Statement budget("DELETE FROM ob.budgets b USING ob.connections c "
	                        "WHERE c.id = $1 AND b.server = c.server AND b.connection_id = c.id");
	sync_state.run({Param::integer(id)});
	budget.run({Param::integer(id)});
	if (!purge)
		return;
	static Statement transactions("DELETE FROM ob.transactions_all WHERE connection_id = $1");
	static Statement accounts("DELETE FROM ob.accounts_all WHERE connection_id = $1");
	static Statement quarantine("DELETE FROM ob.quarantine WHERE connection_id = $1");
	static Statement count(
	    "UPDATE ob.connections SET transactions_synced = 0 WHERE id = $1 AND transactions_synced <> 0");
	for (Statement *erase : {&transactions, &accounts, &quarantine, &count})
		erase->run({Param::integer(id)});
}

// ---- failures as JSON: between a caller and its worker, and in ob.outcomes ----

std::string failure_to_json(const SyncFailure &failure, std::optional<Timestamp> begun) {
	json::Object object;
	object.set("sqlstate", sqlstate(failure.code)).set_if("provider_code", failure.provider_code);
	object.set_if("message", failure.message).set_if("new_state", failure.new_state);
	object.set_if("reauth_reason", failure.reauth_reason);
	if (failure.retry_at)
		object.set("retry_at", time::format_timestamp(*failure.retry_at));
	if (begun)
		object.set("begun", time::format_timestamp(*begun));
	return std::string(object.dump());
}

SyncFailure failure_from_json(std::string_view text) {
	const auto document = json::Document::parse(text);
	SyncFailure failure;
	failure.code = code_of(document.text("sqlstate"));
	failure.provider_code = document.text("provider_code");
	failure.message = document.text("message");
	failure.new_state = document.text("new_state");
	failure.reauth_reason = document.text("reauth_reason");
	failure.retry_at = time::parse_timestamp(document.text("retry_at"));
	return failure;
}

std::optional<Timestamp> begin_of_failure(std::string_view json) {
	return time::parse_timestamp(json::Document::parse(json).text("begun"));
}

} // namespace ob::pg::store
