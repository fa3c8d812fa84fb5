#include "pg/store/webhook_effects.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>
#include <array>

#include "core/time.hpp"
#include "pg/locks.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/connection_state.hpp"
#include "pg/store/notify.hpp"
#include "pg/store/sql.hpp"
#include "json/document.hpp"

namespace ob::pg::store {

namespace {

struct EffectName {
	WebhookEffect effect;
	std::string_view name;
};

constexpr std::array kEffects = std::to_array<EffectName>({
    {WebhookEffect::none, "none"},
    {WebhookEffect::sync, "sync"},
    {WebhookEffect::sync_first, "sync_first"},
    {WebhookEffect::broken, "broken"},
    {WebhookEffect::repaired, "repaired"},
    {WebhookEffect::expiring, "expiring"},
    {WebhookEffect::revoked, "revoked"},
    {WebhookEffect::account_revoked, "account_revoked"},
    {WebhookEffect::new_accounts, "new_accounts"},
    {WebhookEffect::acknowledged, "acknowledged"},
    {WebhookEffect::link, "link"},
});

std::string_view name_of(WebhookEffect effect) {
	return std::find_if(kEffects.begin(), kEffects.end(), [&](const EffectName &row) { return row.effect == effect; })
	    ->name;
}

WebhookEffect effect_of(std::string_view name) {
	const auto *found =
	    std::find_if(kEffects.begin(), kEffects.end(), [&](const EffectName &row) { return row.name == name; });
	return found == kEffects.end() ? WebhookEffect::none : found->effect;
}

/// It works no longer.
bool is_bad_news(WebhookEffect effect) {
	return effect == WebhookEffect::broken || effect == WebhookEffect::revoked;
}

/// Effects that say how the connection is: the last one signed counts.
bool says_how_it_is(WebhookEffect effect) {
	return is_bad_news(effect) || effect == WebhookEffect::repaired;
}

/// Effects that change its row, or what belongs to it.
bool changes_it(WebhookEffect effect) {
	return effect == WebhookEffect::repaired || is_once_only(effect);
}

struct Target {
	ConnectionId id = 0;
	std::string state;
	std::optional<Timestamp> repaired_at;
	std::optional<Timestamp> consent_expires_at;
	std::string user_ref;
};

/// What somebody else is just doing to its row is seen afterwards.
void lock_target(std::string_view server, std::string_view provider_connection_id) {
	static Statement lock("SELECT 1 FROM ob.connections WHERE server = $1 AND provider_connection_id = $2 "
	                      "FOR NO KEY UPDATE");
	lock.run({Param::name(server), Param::text(provider_connection_id)});
}

/// What a worker has recorded of it counts already.
std::string recorded_state(ConnectionId id) {
	static Statement select("SELECT " OB_CONNECTION_STATE " FROM ob.connections c WHERE c.id = $1");
	const Result found = select.read_fresh({Param::integer(id)});
	return found.rows.empty() ? "disconnected" : found.rows.front().text(0);
}

std::optional<Target> find_target(std::string_view server, std::string_view provider_connection_id) {
	// When a login is to end is no consent.
	static Statement select("SELECT c.id, c.state, (extract(epoch from c.repaired_at) * 1000000)::bigint, "
	                        "CASE WHEN c.reauth_reason IS DISTINCT FROM 'pending_disconnect' "
	                        "THEN (extract(epoch from c.consent_expires_at) * 1000000)::bigint END, c.user_ref, "
	                        "EXISTS (SELECT FROM ob.outcomes o WHERE o.connection_id = c.id AND o.phase = 'recorded') "
	                        "FROM ob.connections c WHERE c.server = $1 AND c.provider_connection_id = $2");
	const Result found = select.read_fresh({Param::name(server), Param::text(provider_connection_id)});
	if (found.rows.empty())
		return std::nullopt;
	const Row &row = found.rows.front();
	Target target{row.integer(0), row.text(1), row.timestamp(2), row.timestamp(3), row.text(4)};
	if (row.boolean(5))
		target.state = recorded_state(target.id);
	return target;
}

/// The connection whose account it is.
struct Owner {
	std::string provider_connection_id; // empty: nobody knows the account
	bool is_only = true;                // else the newest of several that have not ended
};

Owner owner_of_account(std::string_view server, std::string_view account_id) {
	// There are no statistics of account ids: a join would read all connections.
	static Statement select("SELECT c.provider_connection_id, "
	                        "count(*) FILTER (WHERE c.state NOT IN ('revoked', 'disconnected')) OVER () <= 1 "
	                        "FROM ob.connections c WHERE c.server = $1 AND c.id = ANY (ARRAY("
	                        "SELECT a.connection_id FROM ob.accounts_all a WHERE a.account_id = $2)) "
	                        "ORDER BY c.state IN ('revoked', 'disconnected'), c.id DESC LIMIT 1");
	const Result found = select.read_fresh({Param::name(server), Param::text(account_id)});
	if (found.rows.empty())
		return {};
	return {found.rows.front().text(0), found.rows.front().boolean(1)};
}

/// The connection that an event is about; locked if its effect is going to change it.
std::optional<Target> take_target(std::string_view server, std::string_view provider_connection_id,
                                  WebhookEffect effect) {
	if (changes_it(effect))
		lock_target(server, provider_connection_id);
	return find_target(server, provider_connection_id);
}

/// The connection of the account that an event names instead. Not sure: it may be another one's consent that has ended.
std::optional<Target> take_owner(std::string_view server, const WebhookTask &task, bool *is_sure) {
	const Owner owner = owner_of_account(server, task.provider_connection_id);
	*is_sure = owner.is_only;
	if (owner.provider_connection_id.empty())
		return std::nullopt;
	return take_target(server, owner.provider_connection_id, task.effect);
}

/// Signatures tell whole seconds.
bool is_before_repair(const Target &target, Timestamp signed_at) {
	return target.repaired_at && signed_at < std::chrono::floor<std::chrono::seconds>(*target.repaired_at);
}

/// A provider's two ways of telling the same time may differ by its hours.
bool is_of_former_consent(const Target &target, const WebhookTask &task) {
	return task.reauth_reason == "consent_expired" && task.expires_at && target.consent_expires_at &&
	       *task.expires_at + std::chrono::days(1) < *target.consent_expires_at;
}

bool is_contradicted(ConnectionId id, Timestamp signed_at) {
	static Statement select("SELECT EXISTS (SELECT FROM ob.webhook_events WHERE connection_id = $1 AND signed_at > $2 "
	                        "AND status = 'processed' AND effect ->> 'effect' IN ('broken', 'repaired', 'revoked'))");
	return select.read_fresh({Param::integer(id), Param::timestamp(signed_at)}).rows.front().boolean(0);
}

bool is_outdated(const Target &target, const WebhookTask &task, std::optional<Timestamp> signed_at) {
	if (!signed_at)
		return false;
	if (task.effect == WebhookEffect::expiring)
		return is_before_repair(target, *signed_at) || is_of_former_consent(target, task);
	if (is_bad_news(task.effect) && is_before_repair(target, *signed_at))
		return true;
	return says_how_it_is(task.effect) && is_contradicted(target.id, *signed_at);
}

/// What it says may be older than a repair, and only the bank knows.
bool is_doubtful(const Target &target, const WebhookTask &task, std::optional<Timestamp> signed_at, bool had_effect) {
	if (!is_bad_news(task.effect) || target.state != "active" || !signed_at || task.is_dated)
		return false;
	return had_effect || (target.repaired_at && *signed_at < *target.repaired_at + kRetriedFor);
}

// ---- the effects ----

/// Being told to wait counts more, and so does a person who has paused it. A sync that is under way goes on without the
/// news: it sees by news_at that it does not end them.
bool make_due(ConnectionId id, bool only_first) {
	static Statement update(
	    "UPDATE ob.sync_state s SET news_at = clock_timestamp(), next_sync_at = CASE WHEN s.next_sync_at <= "
	    "clock_timestamp() OR c.last_sync_status = 'deferred' THEN s.next_sync_at ELSE clock_timestamp() END "
	    "FROM ob.connections c WHERE s.connection_id = $1 AND c.id = $1 AND c.state = 'active' "
	    "AND NOT ($2 AND s.initial_sync_done)");
	return update.run({Param::integer(id), Param::boolean(only_first)}).processed > 0;
}

bool repair(ConnectionId id) {
	static Statement select("SELECT " OB_CONNECTION_STATE " IN ('reauth_required', 'error') FROM ob.connections c "
	                        "WHERE c.id = $1");
	static Statement note("UPDATE ob.connections SET repaired_at = clock_timestamp() WHERE id = $1");
	const Result found = select.run({Param::integer(id)});
	if (found.rows.empty() || !found.rows.front().boolean(0)) {
		note.run({Param::integer(id)});
		return make_due(id, false);
	}
	apply_repair(id, {.health = {}, .consented = false, .user_ip = {}});
	audit({.action = "LOGIN_REPAIRED", .connection = id});
	return true;
}

std::string_view action_of(const SyncFailure &failure) {
	if (failure.new_state == "reauth_required")
		return "REAUTH_REQUIRED";
	return failure.new_state == "revoked" ? "CONNECTION_REVOKED" : "CONNECTION_FAILED";
}

void mark_broken(ConnectionId id, const SyncFailure &failure) {
	static Statement select("SELECT state IN ('revoked', 'disconnected') OR (state = $2 AND error_code IS NOT DISTINCT "
	                        "FROM $3) FROM ob.connections WHERE id = $1");
	const Result found =
	    select.run({Param::integer(id), Param::text(failure.new_state), Param::text_or_null(failure.provider_code)});
	if (found.rows.empty() || found.rows.front().boolean(0))
		return;
	apply_standing_error(id, failure, std::nullopt);
	const std::string details = failure_to_json(failure);
	audit({.action = action_of(failure), .connection = id, .success = false, .details_json = details});
}

void warn(ConnectionId id, const WebhookTask &task) {
	static Statement update("UPDATE ob.connections SET requires_reauth = true, reauth_reason = $2, "
	                        "consent_expires_at = COALESCE($3, consent_expires_at), updated_at = clock_timestamp() "
	                        "WHERE id = $1 AND state = 'active'");
	const Result updated =
	    update.run({Param::integer(id), Param::text(task.reauth_reason), Param::timestamp(task.expires_at)});
	if (updated.processed == 0)
		return;
	notify(id, "expiring");
	audit({.action = "CONSENT_EXPIRING", .connection = id});
}

/// The user has withdrawn one account: nothing of it is kept.
void erase_account(ConnectionId id, std::string_view account_id) {
	static Statement transactions("DELETE FROM ob.transactions_all WHERE connection_id = $1 AND account_id = $2");
	static Statement quarantine("DELETE FROM ob.quarantine WHERE connection_id = $1 AND account_id = $2");
	static Statement account("DELETE FROM ob.accounts_all WHERE connection_id = $1 AND account_id = $2");
	static Statement count(
	    "UPDATE ob.connections SET transactions_synced = (SELECT count(*) FROM ob.transactions_all t "
	    "WHERE t.connection_id = $1 AND t.removed_at IS NULL), updated_at = clock_timestamp() WHERE id = $1");
	for (Statement *erase : {&transactions, &quarantine, &account})
		erase->run({Param::integer(id), Param::text(account_id)});
	count.run({Param::integer(id)});
	notify(id, "synced");
	audit({.action = "ACCOUNT_REVOKED", .connection = id});
}

} // namespace

std::string WebhookTask::to_json() const {
	json::Object object;
	object.set("effect", name_of(effect)).set_if("account_id", account_id).set_if("reauth_reason", reauth_reason);
	if (expires_at)
		object.set("expires_at", time::format_timestamp(*expires_at));
	if (is_dated)
		object.set("is_dated", true);
	if (failure)
		object.set("failure", failure_to_json(*failure));
	return std::string(object.dump());
}

WebhookTask WebhookTask::from_columns(std::string_view json, std::string connection_id, std::string link_digest) {
	const auto document = json::Document::parse(json);
	WebhookTask task;
	task.effect = effect_of(document.text("effect"));
	task.account_id = document.text("account_id");
	task.reauth_reason = document.text("reauth_reason");
	task.expires_at = time::parse_timestamp(document.text("expires_at"));
	task.is_dated = document.boolean("is_dated").value_or(false);
	if (document.has("failure"))
		task.failure = failure_from_json(document.text("failure"));
	task.provider_connection_id = std::move(connection_id);
	task.link_digest = std::move(link_digest);
	return task;
}

bool is_once_only(WebhookEffect effect) {
	return is_bad_news(effect) || effect == WebhookEffect::expiring || effect == WebhookEffect::account_revoked;
}

WebhookResult plan_webhook(std::string_view server, const WebhookTask &task, std::optional<Timestamp> signed_at,
                           bool had_effect) {
	if (task.effect == WebhookEffect::link)
		return {.status = "waiting", .reason = "link", .try_soon = true};
	std::optional<Target> target;
	bool is_sure = true;
	if (!task.provider_connection_id.empty()) {
		target = take_target(server, task.provider_connection_id, task.effect);
		if (!target)
			target = take_owner(server, task, &is_sure);
	}
	WebhookResult result;
	if (target) {
		result.connection = target->id;
		result.user_ref = target->user_ref;
	}
	if (task.effect == WebhookEffect::none) {
		result.status = "ignored";
		return result;
	}
	if (!target) {
		result.status = task.provider_connection_id.empty() ? "ignored" : "waiting";
		result.reason = "connection_unknown";
		// It may have come to be while this one was looking.
		result.try_soon = result.status == "waiting";
		return result;
	}
	const bool has_ended = target->state == "disconnected" || target->state == "revoked";
	if (has_ended || (task.effect == WebhookEffect::broken && !task.failure)) {
		result.status = "ignored";
		result.reason = has_ended ? "connection_ended" : "passing_trouble";
		return result;
	}
	if (is_outdated(*target, task, signed_at)) {
		result.status = "ignored";
		result.reason = "outdated";
		return result;
	}
	result.status = "processed";
	// Once is enough: the user may have renewed his consent since, or share the account again.
	if (had_effect && is_once_only(task.effect) && !is_bad_news(task.effect))
		return result;
	// A sync that is under way would write the account's rows again.
	if (task.effect == WebhookEffect::account_revoked &&
	    !try_lock(LockClass::connection, target->id, LockScope::transaction)) {
		result.status = "waiting";
		result.reason = "connection_busy";
		result.try_soon = true;
		return result;
	}
	result.apply = true;
	result.ask = is_doubtful(*target, task, signed_at, had_effect) || (!is_sure && is_bad_news(task.effect));
	if (result.ask)
		result.reason = "bank_asked";
	return result;
}

bool apply_webhook(const WebhookResult &plan, const WebhookTask &task) {
	const ConnectionId id = plan.connection.value();
	if (plan.ask)
		return make_due(id, false);
	switch (task.effect) {
	case WebhookEffect::sync:
	case WebhookEffect::sync_first:
		return make_due(id, task.effect == WebhookEffect::sync_first);
	case WebhookEffect::repaired:
		return repair(id);
	case WebhookEffect::broken:
	case WebhookEffect::revoked:
		mark_broken(id, task.failure.value());
		return false;
	case WebhookEffect::expiring:
		warn(id, task);
		return false;
	case WebhookEffect::account_revoked:
		erase_account(id, task.account_id);
		return false;
	case WebhookEffect::new_accounts:
		notify(id, "new_accounts");
		return false;
	case WebhookEffect::none:
	case WebhookEffect::acknowledged:
	case WebhookEffect::link:
		return false;
	}
	return false;
}

} // namespace ob::pg::store
