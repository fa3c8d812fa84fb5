#include "pg/store/connection_changes.hpp"

#include "core/error.hpp"
#include "json/document.hpp"
#include "pg/store/sql.hpp"
#include "pg/store/tokens.hpp"

namespace ob::pg::store {

ConnectionId insert_connection(const NewConnection &fresh) {
	static Statement connection(
		"INSERT INTO ob.connections (server, provider, user_ref, provider_connection_id, institution_id, "
		"institution_name, state, bank_updated_at, consent_given_at, consent_ip, consent_expires_at, mapping_role) "
		"VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, clock_timestamp(), $8::inet, $9, $10) RETURNING id");
	static Statement sync_state("INSERT INTO ob.sync_state (connection_id) VALUES ($1)");
	const Result inserted = connection.run(
		{Param::name(fresh.server), Param::text(fresh.provider), Param::text(fresh.user_ref),
		 Param::text(fresh.established.provider_connection_id), Param::text_or_null(fresh.health.institution_id),
		 Param::text_or_null(fresh.health.institution_name), Param::timestamp(fresh.health.bank_updated_at),
		 Param::text_or_null(fresh.user_ip), Param::timestamp(fresh.health.consent_expires_at),
		 Param::name(fresh.mapping_role)});
	const ConnectionId id = inserted.rows.front().integer(0);
	sync_state.run({Param::integer(id)});
	save_tokens(fresh.server, token_subject(id), fresh.established.credentials);
	return id;
}

void apply_failure(ConnectionId id, const SyncFailure &failure, std::optional<Timestamp> happened_at) {
	static Statement connection(
		"UPDATE ob.connections SET state = COALESCE($2, state), reauth_reason = CASE WHEN $2 = 'reauth_required' THEN $3 "
		"ELSE reauth_reason END, state_since = CASE WHEN $2 <> state THEN clock_timestamp() ELSE state_since END, "
		"error_code = $4, error_message = $5, failing_since = COALESCE(failing_since, clock_timestamp()), "
		"last_sync_status = 'failed', updated_at = clock_timestamp() "
		"WHERE id = $1 AND state NOT IN ('revoked', 'disconnected') "
		"AND ($6 IS NULL OR last_sync_at IS NULL OR last_sync_at < $6)");
	static Statement sync_state("UPDATE ob.sync_state SET attempts = attempts + 1, next_sync_at = $2, claimed_until = NULL, "
								"claimed_by = NULL WHERE connection_id = $1");
	const Result changed = connection.run(
		{Param::integer(id), Param::text_or_null(failure.new_state), Param::text_or_null(failure.reauth_reason),
		 Param::text_or_null(failure.provider_code), Param::text_or_null(failure.message), Param::timestamp(happened_at)});
	if (changed.processed > 0)
		sync_state.run({Param::integer(id), Param::timestamp(failure.retry_at)});
}

void apply_disconnect(ConnectionId id, bool purge) {
	static Statement connection(
		"UPDATE ob.connections SET state = 'disconnected', reauth_reason = NULL, requires_reauth = false, error_code = NULL, "
		"error_message = NULL, failing_since = NULL, state_since = clock_timestamp(), updated_at = clock_timestamp() "
		"WHERE id = $1 AND state <> 'disconnected'");
	static Statement sync_state("UPDATE ob.sync_state SET next_sync_at = NULL, claimed_until = NULL, claimed_by = NULL "
								"WHERE connection_id = $1 AND (next_sync_at IS NOT NULL OR claimed_until IS NOT NULL)");
	connection.run({Param::integer(id)});
	sync_state.run({Param::integer(id)});
	if (!purge)
		return;
	static Statement transactions("DELETE FROM ob.transactions_all WHERE connection_id = $1");
	static Statement accounts("DELETE FROM ob.accounts_all WHERE connection_id = $1");
	static Statement quarantine("DELETE FROM ob.quarantine WHERE connection_id = $1");
	for (Statement *erase : {&transactions, &accounts, &quarantine})
		erase->run({Param::integer(id)});
}

// ---- failures as JSON: between a caller and its worker, and in ob.outcomes ----

std::string failure_to_json(const SyncFailure &failure) {
	json::Object object;
	object.set("code", static_cast<int>(failure.code)).set_if("provider_code", failure.provider_code);
	object.set_if("message", failure.message).set_if("new_state", failure.new_state);
	object.set_if("reauth_reason", failure.reauth_reason);
	if (failure.reaction)
		object.set("reaction", static_cast<int>(*failure.reaction));
	if (failure.retry_at)
		object.set("retry_at", failure.retry_at->time_since_epoch().count());
	return std::string(object.dump());
}

SyncFailure failure_from_json(std::string_view text) {
	const auto document = json::Document::parse(text);
	SyncFailure failure;
	failure.code = static_cast<ErrorCode>(document.integer("code").value_or(static_cast<int>(ErrorCode::internal)));
	failure.provider_code = document.text("provider_code");
	failure.message = document.text("message");
	failure.new_state = document.text("new_state");
	failure.reauth_reason = document.text("reauth_reason");
	if (const auto reaction = document.integer("reaction"))
		failure.reaction = static_cast<Reaction>(*reaction);
	if (const auto at = document.integer("retry_at"))
		failure.retry_at = Timestamp(std::chrono::microseconds(*at));
	return failure;
}

} // namespace ob::pg::store
