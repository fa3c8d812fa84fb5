#include "pg/store/sync_results.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "core/time.hpp"
#include "pg/store/last_report.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

/// Values travel as text, "" for NULL: casting so few costs next to nothing.
class Columns {
public:
	explicit Columns(std::size_t count) : columns_(count) {}

	void begin_row(ConnectionId id) {
		ids_.push_back(id);
		next_ = 0;
	}
	Columns &add(std::string_view value) {
		columns_[next_++].emplace_back(value);
		return *this;
	}
	Columns &add(std::int64_t value) { return add(std::to_string(value)); }
	Columns &add(bool value) { return add(std::string_view(value ? "t" : "f")); }
	Columns &add(const std::optional<Timestamp> &value) {
		return add(std::string_view(value ? time::format_timestamp(*value) : std::string()));
	}
	Columns &skip(std::size_t count) {
		for (; count > 0; --count)
			add(std::string_view());
		return *this;
	}

	std::vector<Param> params() const {
		std::vector<Param> all{Param::integer_array(ids_)};
		for (const auto &column : columns_)
			all.push_back(Param::text_array(column));
		return all;
	}

private:
	std::vector<std::int64_t> ids_;
	std::vector<std::vector<std::string>> columns_;
	std::size_t next_ = 0;
};

/// Empty if it is not known.
std::string day_text(std::optional<Date> day) {
	return day ? time::format_date(*day) : std::string();
}

[[noreturn]] void cursor_changed(const std::string &which) {
	throw Error(ErrorCode::internal, "the stored cursor changed during the sync", which);
}

} // namespace

void save_state(ConnectionId id, const SyncState &before, const SyncState &now, std::int64_t rows) {
	static Statement update(
	    "UPDATE ob.sync_state SET cursor = $2, loop_cursor = $3, sync_attempt = $4, loop_first_attempt = $5, "
	    "initial_sync_done = $6, history_complete = $7, sweep_owed = $8, "
	    "loop_started_at = CASE WHEN $3 IS NOT NULL THEN CASE WHEN sync_attempt = $4 AND loop_started_at IS NOT NULL "
	    "THEN loop_started_at ELSE clock_timestamp() END END, "
	    "loop_pages = CASE WHEN $3 IS NOT NULL THEN 1 + CASE WHEN sync_attempt = $4 THEN COALESCE(loop_pages, 0) "
	    "ELSE 0 END END, "
	    "loop_transactions = CASE WHEN $3 IS NOT NULL THEN $10 + CASE WHEN sync_attempt = $4 "
	    "THEN COALESCE(loop_transactions, 0) ELSE 0 END END, loop_total = $11, "
	    "loop_time = CASE WHEN $3 IS NOT NULL THEN CASE WHEN sync_attempt = $4 THEN COALESCE(loop_time, '0') "
	    "+ LEAST(clock_timestamp() - loop_page_at, '1 minute') ELSE '0' END END, "
	    "loop_page_at = CASE WHEN $3 IS NOT NULL THEN clock_timestamp() END, "
	    // Whoever has leased it for so many minutes is at it still.
	    "claimed_until = CASE WHEN claimed_by = pg_backend_pid() THEN clock_timestamp() + interval '10 minutes' "
	    "ELSE claimed_until END, history_from = COALESCE($12::date, history_from) "
	    "WHERE connection_id = $1 AND cursor IS NOT DISTINCT FROM $9");
	static Statement count("UPDATE ob.connections SET transactions_synced = $2 WHERE id = $1");
	// In the order in which everybody takes the two.
	if (now.transactions != before.transactions)
		count.run({Param::integer(id), Param::integer(now.transactions)});
	const Result updated =
	    update.run({Param::integer(id), Param::text_or_null(now.cursor), Param::text_or_null(now.loop_cursor),
	                Param::integer(now.sync_attempt), Param::integer(now.loop_first_attempt),
	                Param::boolean(now.initial_sync_done), Param::boolean(now.history_complete),
	                Param::boolean(now.sweep_owed), Param::text_or_null(before.cursor), Param::integer(rows),
	                now.loop_total ? Param::integer(*now.loop_total) : Param::null(INT8OID),
	                Param::text_or_null(day_text(now.history_from))});
	if (updated.processed != 1)
		cursor_changed("connection: " + std::to_string(id));
}

void SyncResults::keep_state(ConnectionId id, const SyncState &before, const SyncState &now) {
	states_.emplace(id, State{before, now});
}

void SyncResults::add(ConnectionId id, const SyncReport &report, std::chrono::seconds interval, Timestamp begun) {
	ends_.push_back({id, report, interval, begun});
}

void SyncResults::write() {
	if (!ends_.empty()) {
		lock_connections();
		write_sync_states(write_connections());
	}
	for (const End &end : ends_)
		states_.erase(end.id);
	for (const auto &[id, state] : states_)
		save_state(id, state.before, state.now, 0);
	clear();
}

void SyncResults::clear() {
	states_.clear();
	ends_.clear();
}

/// In order, so that of two who write many none holds what the other one began with.
void SyncResults::lock_connections() const {
	static Statement lock("SELECT 1 FROM ob.connections WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE");
	if (ends_.size() == 1)
		return;
	std::vector<std::int64_t> ids;
	for (const End &end : ends_)
		ids.push_back(end.id);
	lock.run({Param::integer_array(ids)});
}

namespace {

/// Scopes are words.
std::string joined(const std::vector<std::string> &scopes) {
	std::string text;
	for (const std::string &scope : scopes)
		text.append(text.empty() ? "" : " ").append(scope);
	return text;
}

} // namespace

// Of a row and the end of its sync.
#define OB_WORKS "(c.state = 'active' OR (c.state = 'error' AND c.state_since <= e.begun::timestamptz))"

/// One row whatever came: results with nothing new are what is written most. A connection that was given up and works
/// again is as good as new; what the provider has told of it since the sync began stands.
std::set<ConnectionId> SyncResults::write_connections() const {
	static Statement update(
	    "WITH written AS (UPDATE ob.connections c SET last_sync_at = clock_timestamp(), last_sync_status = e.status, "
	    "failing_since = CASE WHEN NOT " OB_WORKS " THEN c.failing_since END, "
	    "error_code = CASE WHEN NOT " OB_WORKS " THEN c.error_code END, "
	    "error_message = CASE WHEN NOT " OB_WORKS " THEN c.error_message END, "
	    "state = CASE WHEN " OB_WORKS " THEN 'active' ELSE c.state END, "
	    "state_since = CASE WHEN c.state = 'error' AND " OB_WORKS " THEN clock_timestamp() ELSE c.state_since END, "
	    "transactions_synced = COALESCE(NULLIF(e.transactions, '')::bigint, c.transactions_synced), "
	    "bank_updated_at = COALESCE(NULLIF(e.bank_updated_at, '')::timestamptz, c.bank_updated_at), "
	    // When a login is to end is no consent: the provider tells that once, in a webhook.
	    "consent_expires_at = CASE WHEN e.has_health::bool AND (e.consent_expires_at <> '' "
	    "OR c.reauth_reason IS DISTINCT FROM 'pending_disconnect') THEN NULLIF(e.consent_expires_at, '')::timestamptz "
	    "ELSE c.consent_expires_at END, "
	    "institution_id = COALESCE(c.institution_id, NULLIF(e.institution_id, '')), "
	    "institution_name = COALESCE(c.institution_name, NULLIF(e.institution_name, '')), "
	    "institution_logo = COALESCE(c.institution_logo, NULLIF(e.institution_logo, '')), "
	    "consent_given_at = COALESCE(NULLIF(e.consent_given_at, '')::timestamptz, c.consent_given_at), "
	    "scopes = COALESCE(string_to_array(NULLIF(e.scopes, ''), ' '), c.scopes), "
	    "updated_at = clock_timestamp() FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS e (id, "
	    "status, "
	    "transactions, bank_updated_at, has_health, consent_expires_at, institution_id, institution_name, "
	    "institution_logo, consent_given_at, scopes, begun) WHERE c.id = e.id RETURNING c.id, c.state) "
	    "SELECT id FROM written WHERE state <> 'active'");
	Columns rows(11);
	for (const End &end : ends_) {
		const ConnectionHealth health = end.report.health.value_or(ConnectionHealth());
		const auto state = states_.find(end.id);
		rows.begin_row(end.id);
		rows.add(status_name(end.report.status));
		if (state != states_.end())
			rows.add(state->second.now.transactions);
		else
			rows.skip(1);
		rows.add(health.bank_updated_at).add(end.report.health.has_value()).add(health.consent_expires_at);
		rows.add(health.institution_id).add(health.institution_name).add(end.report.institution_logo);
		rows.add(health.consent_given_at).add(joined(health.scopes)).add(std::optional(end.begun));
	}
	std::set<ConnectionId> ended;
	for (const Row &row : update.run(rows.params()).rows)
		ended.insert(row.integer(0));
	return ended;
}

void SyncResults::write_sync_states(const std::set<ConnectionId> &ended) const {
	// A little spread keeps connections that were linked together from being due together for ever.
	static Statement update(
	    "UPDATE ob.sync_state s SET next_sync_at = CASE WHEN e.ended::bool THEN NULL "
	    "WHEN s.news_at > e.begun::timestamptz THEN clock_timestamp() WHEN e.ends::bool THEN NULL "
	    "ELSE COALESCE(NULLIF(e.retry_at, '')::timestamptz, clock_timestamp() + "
	    "make_interval(secs => e.seconds::float8 * (0.95 + 0.1 * random()))) END, attempts = 0, claimed_until = NULL, "
	    "claimed_by = NULL, finished_syncs = s.finished_syncs + 1, last_report = e.report::jsonb, "
	    "health_read_at = COALESCE(NULLIF(e.health_read_at, '')::timestamptz, s.health_read_at), "
	    "cursor = CASE WHEN e.saves::bool THEN NULLIF(e.cursor, '') ELSE s.cursor END, "
	    "loop_cursor = CASE WHEN NOT e.saves::bool THEN s.loop_cursor END, "
	    "loop_started_at = CASE WHEN NOT e.saves::bool THEN s.loop_started_at END, "
	    "loop_pages = CASE WHEN NOT e.saves::bool THEN s.loop_pages END, "
	    "loop_transactions = CASE WHEN NOT e.saves::bool THEN s.loop_transactions END, "
	    "loop_total = CASE WHEN NOT e.saves::bool THEN s.loop_total END, "
	    "loop_time = CASE WHEN NOT e.saves::bool THEN s.loop_time END, "
	    "loop_page_at = CASE WHEN NOT e.saves::bool THEN s.loop_page_at END, "
	    "sync_attempt = COALESCE(NULLIF(e.sync_attempt, '')::bigint, s.sync_attempt), "
	    "loop_first_attempt = COALESCE(NULLIF(e.loop_first_attempt, '')::bigint, s.loop_first_attempt), "
	    "initial_sync_done = COALESCE(NULLIF(e.initial_sync_done, '')::bool, s.initial_sync_done), "
	    "history_complete = COALESCE(NULLIF(e.history_complete, '')::bool, s.history_complete), "
	    "sweep_owed = COALESCE(NULLIF(e.sweep_owed, '')::bool, s.sweep_owed), "
	    "history_from = COALESCE(NULLIF(e.history_from, '')::date, s.history_from) "
	    "FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) AS e (id, seconds, "
	    "retry_at, ended, ends, report, health_read_at, begun, saves, former_cursor, cursor, sync_attempt, "
	    "loop_first_attempt, initial_sync_done, "
	    "history_complete, sweep_owed, history_from) WHERE s.connection_id = e.id "
	    "AND (NOT e.saves::bool OR s.cursor IS NOT DISTINCT FROM NULLIF(e.former_cursor, '')) RETURNING e.saves");
	Columns rows(16);
	std::int64_t saves = 0;
	std::string which = "connection";
	for (const End &end : ends_) {
		rows.begin_row(end.id);
		rows.add(static_cast<std::int64_t>(end.interval.count())).add(end.report.retry_at);
		rows.add(ended.contains(end.id)).add(end.report.standing_error.has_value());
		rows.add(std::string_view(report_to_json(end.report)));
		rows.add(end.report.health_read_at).add(std::optional(end.begun));
		const auto state = states_.find(end.id);
		if (state == states_.end()) {
			rows.add(false).skip(8);
			continue;
		}
		const SyncState &now = state->second.now;
		rows.add(true).add(std::string_view(state->second.before.cursor)).add(std::string_view(now.cursor));
		rows.add(now.sync_attempt).add(now.loop_first_attempt).add(now.initial_sync_done);
		rows.add(now.history_complete).add(now.sweep_owed).add(std::string_view(day_text(now.history_from)));
		which += " " + std::to_string(end.id);
		++saves;
	}
	const Result updated = update.run(rows.params());
	const auto saved =
	    std::count_if(updated.rows.begin(), updated.rows.end(), [](const Row &row) { return row.text(0) == "t"; });
	if (saved != saves)
		cursor_changed(which);
}

} // namespace ob::pg::store
