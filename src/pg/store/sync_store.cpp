#include "pg/store/sync_store.hpp"

#include "core/error.hpp"
#include "pg/crash_point.hpp"
#include "pg/guard.hpp"
#include "pg/log.hpp"
#include "pg/memory.hpp"
#include "pg/store/account_numbers.hpp"
#include "pg/store/accounts.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/last_report.hpp"
#include "pg/store/notify.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/quarantine.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/spool.hpp"
#include "pg/store/sql.hpp"
#include "pg/store/transactions.hpp"
#include "pg/subxact.hpp"
#include "pg/transaction.hpp"
#include "pg/undone.hpp"
#include "providers/option_values.hpp"
#include "json/document.hpp"

namespace ob::pg::store {

namespace {

/// What `raw` and how often to sync say the server's options, unless the connection says otherwise.
void read_options(SyncTarget *target, const Connection &connection, std::int64_t own_interval_seconds) {
	const providers::ServerConfig options = server_options(connection.server);
	target->keep_raw = providers::parse_boolean(options.option("keep_raw")).value_or(false);
	target->sync_interval = own_interval_seconds > 0
								? std::chrono::seconds(own_interval_seconds)
								: providers::parse_interval(options.option("sync_interval")).value();
}

void audit_changes(ConnectionId id, const SyncReport &report) {
	json::Object details;
	details.set("added", report.transactions.added).set("modified", report.transactions.modified);
	details.set("removed", report.transactions.removed).set("quarantined", report.transactions.quarantined);
	details.set("accounts_changed", report.accounts.changed).set("requests", report.requests);
	const std::string text(details.dump());
	audit({.action = "SYNCED",
		   .connection = id,
		   .details_json = text});
}

void audit_failure(ConnectionId id, const SyncFailure &failure) {
	const std::string details = failure_to_json(failure);
	audit({.action = failure.new_state == "reauth_required" ? "REAUTH_REQUIRED" : "SYNC_FAILED",
		   .connection = id,
		   .success = false,
		   .details_json = details});
}

/// One row whatever came: results with nothing new are what is written most. A connection that was given up and works
/// again is as good as new.
void end_well(ConnectionId id, const SyncReport &report) {
	static Statement connection(
		"UPDATE ob.connections SET last_sync_at = clock_timestamp(), last_sync_status = $2, failing_since = NULL, "
		"error_code = NULL, error_message = NULL, state = CASE WHEN state = 'error' THEN 'active' ELSE state END, "
		"state_since = CASE WHEN state = 'error' THEN clock_timestamp() ELSE state_since END, "
		"bank_updated_at = COALESCE($3, bank_updated_at), "
		"consent_expires_at = CASE WHEN $4 THEN $5 ELSE consent_expires_at END, "
		"institution_id = COALESCE(institution_id, $6), institution_name = COALESCE(institution_name, $7), "
		"institution_logo = COALESCE(institution_logo, $8), updated_at = clock_timestamp() WHERE id = $1");
	const ConnectionHealth health = report.health.value_or(ConnectionHealth());
	connection.run({Param::integer(id), Param::text(status_name(report.status)),
					Param::timestamp(health.bank_updated_at), Param::boolean(report.health.has_value()),
					Param::timestamp(health.consent_expires_at), Param::text_or_null(health.institution_id),
					Param::text_or_null(health.institution_name), Param::text_or_null(report.institution_logo)});
}

/// Being told to wait is no success: what was wrong before stays as it is shown.
void defer(ConnectionId id, const SyncReport &report) {
	static Statement connection("UPDATE ob.connections SET last_sync_status = 'deferred', updated_at = clock_timestamp() "
								"WHERE id = $1");
	static Statement sync_state(
	    "UPDATE ob.sync_state SET next_sync_at = $2, claimed_until = NULL, claimed_by = NULL, "
	    "finished_syncs = finished_syncs + 1, last_report = $3::jsonb WHERE connection_id = $1");
	const std::string told = report_to_json(report);
	connection.run({Param::integer(id)});
	sync_state.run({Param::integer(id), Param::timestamp(report.retry_at), Param::text(told)});
}

} // namespace

SyncTarget PgSyncStore::load(const Connection &connection) {
	static Statement select(
	    "SELECT s.cursor, s.loop_cursor, s.sync_attempt, s.loop_first_attempt, s.initial_sync_done, "
	    "s.history_complete, "
	    "s.attempts, c.state, COALESCE(extract(epoch from c.sync_interval)::bigint, 0), s.sweep_owed, "
	    "c.transactions_synced, (extract(epoch from c.created_at) * 1000000)::bigint, "
	    "EXISTS (SELECT FROM ob.quarantine q WHERE q.connection_id = s.connection_id), c.institution_name IS NOT NULL, "
	    "(extract(epoch from s.health_read_at) * 1000000)::bigint "
	    "FROM ob.sync_state s JOIN ob.connections c ON c.id = s.connection_id WHERE s.connection_id = $1");
	SyncTarget target;
	as_owner([&] {
		const Result found = select.read_fresh({Param::integer(connection.id)});
		if (found.rows.empty())
			throw Error(ErrorCode::not_found, "connection " + std::to_string(connection.id) + " has no sync state");
		const Row &row = found.rows.front();
		target.id = connection.id;
		target.sync.cursor = row.text(0);
		target.sync.loop_cursor = row.text(1);
		target.sync.sync_attempt = row.integer(2);
		target.sync.loop_first_attempt = row.integer(3);
		target.sync.initial_sync_done = row.boolean(4);
		target.sync.history_complete = row.boolean(5);
		target.sync.attempts = static_cast<std::int32_t>(row.integer(6));
		target.state = row.text(7);
		target.sync.sweep_owed = row.boolean(9);
		target.sync.transactions = row.integer(10);
		target.created_at = *row.timestamp(11);
		target.bank_named = row.boolean(13);
		target.health_read_at = row.timestamp(14);
		read_options(&target, connection, row.integer(8));
		target.has_quarantine = row.boolean(12);
		loaded_[target.id] = {target.sync_interval, target.has_quarantine, target.state == "error"};
	});
	return target;
}

void PgSyncStore::unit(const std::function<void()> &body, Durability durability) {
	const auto work = [&] {
		if (commit_ != Commit::by_caller)
			limit_lock_waits();
		changed_.clear();
		finishing_.clear();
		unit_rows_ = 0;
		body();
		for (const ConnectionId id : changed_)
			notify(id, "synced");
		crash_point("unit_before_commit");
	};
	isolated("a commit unit", work, durability);
	if (commit_ == Commit::each_unit)
		commit(durability);
	finished_.insert(finishing_.begin(), finishing_.end());
	crash_point("unit_after_commit");
}

void PgSyncStore::read(const std::function<void()> &body) {
	isolated("reading", body, Durability::at_once);
}

void PgSyncStore::isolated(const char *what, const std::function<void()> &body, Durability durability) {
	std::optional<ServerError> failure;
	try {
		if (commit_ == Commit::own_transactions)
			transaction([&] {
				as_owner(body);
				set_durability(durability);
			});
		else
			with_scratch_memory([&] { subtransaction([&] { as_owner(body); }); });
	} catch (const ServerError &error) {
		failure.emplace(error);
	}
	if (!failure)
		return;
	// One connection's trouble (a trigger, a full disk) must not end the syncs beside it.
	if (UndoneError::must_pass(*failure))
		throw *failure;
	log_failure(what, std::make_exception_ptr(*failure));
	throw UndoneError(*failure);
}

AccountCounts PgSyncStore::write_accounts(ConnectionId id, const AccountList &list, bool keep_raw) {
	const AccountCounts counts = store::write_accounts(id, list, keep_raw);
	note_change(id, counts.changed > 0);
	return counts;
}

TransactionCounts PgSyncStore::write_transactions(ConnectionId id, std::span<const Transaction> rows,
												  AttemptStamp stamp, bool keep_raw) {
	guard([] { CHECK_FOR_INTERRUPTS(); });
	if (loaded_[id].has_quarantine)
		settle_quarantine(id, rows);
	unit_rows_ += static_cast<std::int64_t>(rows.size());
	const TransactionCounts counts = store::write_transactions(id, rows, stamp, keep_raw);
	note_change(id, counts.any_change());
	return counts;
}

std::int64_t PgSyncStore::remove_transactions(ConnectionId id, std::span<const RemovedTransaction> removed) {
	if (loaded_[id].has_quarantine)
		settle_quarantine(id, removed);
	const std::int64_t count = store::remove_transactions(id, removed);
	note_change(id, count > 0);
	return count;
}

std::int64_t PgSyncStore::remove_ghosts(ConnectionId id, AttemptStamp stamp) {
	const std::int64_t count = store::remove_ghosts(id, stamp);
	if (loaded_[id].has_quarantine)
		forget_quarantine(id, stamp.loop_first, stamp.attempt);
	note_change(id, count > 0);
	return count;
}

void PgSyncStore::note_change(ConnectionId id, bool changed) {
	if (changed)
		changed_.insert(id);
}

std::int64_t PgSyncStore::quarantine(ConnectionId id, std::span<const RejectedRow> rows, AttemptStamp stamp) {
	loaded_[id].has_quarantine = true;
	return store::quarantine(id, rows, stamp.attempt);
}

void PgSyncStore::sweep_quarantine(ConnectionId id, AttemptStamp stamp) {
	if (loaded_[id].has_quarantine)
		forget_quarantine(id, 0, stamp.attempt);
}

void PgSyncStore::each_live_transaction(ConnectionId id, const std::function<void(const Transaction &)> &fn) {
	store::each_live_transaction(id, fn);
}

void PgSyncStore::each_live_transaction_since(ConnectionId id, std::string_view account_id, Date since,
                                              const std::function<void(const Transaction &)> &fn) {
	store::each_live_transaction_since(id, account_id, since, fn);
}

std::vector<KeptAccount> PgSyncStore::kept_accounts(ConnectionId id) {
	return store::kept_accounts(id);
}

bool PgSyncStore::move_account(ConnectionId id, std::string_view from, std::string_view to) {
	const bool moved = store::move_account(id, from, to);
	note_change(id, moved);
	return moved;
}

void PgSyncStore::keep_account_numbers(ConnectionId id, const std::vector<providers::AccountNumber> &numbers) {
	store::keep_account_numbers(id, numbers);
}

void PgSyncStore::save_state(ConnectionId id, const SyncState &before, const SyncState &now) {
	static Statement update(
		"UPDATE ob.sync_state SET cursor = $2, loop_cursor = $3, sync_attempt = $4, loop_first_attempt = $5, "
		"initial_sync_done = $6, history_complete = $7, sweep_owed = $8, "
		"loop_started_at = CASE WHEN $3 IS NOT NULL THEN CASE WHEN sync_attempt = $4 AND loop_started_at IS NOT NULL "
		"THEN loop_started_at ELSE clock_timestamp() END END, "
		"loop_pages = CASE WHEN $3 IS NOT NULL THEN 1 + CASE WHEN sync_attempt = $4 THEN COALESCE(loop_pages, 0) "
		"ELSE 0 END END, "
		"loop_transactions = CASE WHEN $3 IS NOT NULL THEN $10 + CASE WHEN sync_attempt = $4 "
		"THEN COALESCE(loop_transactions, 0) ELSE 0 END END "
		"WHERE connection_id = $1 AND cursor IS NOT DISTINCT FROM $9");
	static Statement count("UPDATE ob.connections SET transactions_synced = $2 WHERE id = $1");
	const Result updated = update.run(
		{Param::integer(id), Param::text_or_null(now.cursor), Param::text_or_null(now.loop_cursor),
		 Param::integer(now.sync_attempt), Param::integer(now.loop_first_attempt), Param::boolean(now.initial_sync_done),
		 Param::boolean(now.history_complete), Param::boolean(now.sweep_owed), Param::text_or_null(before.cursor),
		 Param::integer(unit_rows_)});
	if (updated.processed != 1)
		throw Error(ErrorCode::internal, "the stored cursor changed during the sync",
					"connection: " + std::to_string(id));
	if (now.transactions != before.transactions)
		count.run({Param::integer(id), Param::integer(now.transactions)});
}

void PgSyncStore::finish(ConnectionId id, const SyncReport &report) {
	// A little spread keeps connections that were linked together from being due together for ever.
	static Statement sync_state(
	    "UPDATE ob.sync_state s SET next_sync_at = CASE WHEN NOT $4 THEN COALESCE($2, clock_timestamp() + "
	    "make_interval(secs => $3::float8 * (0.95 + 0.1 * random()))) END, attempts = 0, claimed_until = NULL, "
	    "claimed_by = NULL, finished_syncs = finished_syncs + 1, last_report = $5::jsonb, "
	    "health_read_at = COALESCE($6, health_read_at) WHERE s.connection_id = $1");
	finishing_.push_back(id);
	if (report.status == SyncStatus::deferred) {
		defer(id, report);
		return;
	}
	const std::string told = report_to_json(report);
	end_well(id, report);
	if (loaded_[id].in_error)
		notify(id, "active");
	sync_state.run({Param::integer(id), Param::timestamp(report.retry_at), Param::integer(loaded_[id].interval.count()),
	                Param::boolean(report.standing_error.has_value()), Param::text(told),
	                Param::timestamp(report.health_read_at)});
	if (report.transactions.any_change() || report.accounts.changed > 0)
		audit_changes(id, report);
	if (report.standing_error) {
		apply_standing_error(id, *report.standing_error);
		audit_failure(id, *report.standing_error);
	}
}

void PgSyncStore::record_failure(ConnectionId id, const SyncFailure &failure) {
	if (commit_ == Commit::by_caller) {
		sink_(id, failure);
		return;
	}
	unit([&] {
		apply_failure(id, failure, std::nullopt);
		audit_failure(id, failure);
	});
}

std::unique_ptr<Spool> PgSyncStore::make_spool() { return std::make_unique<FileSpool>(); }

} // namespace ob::pg::store
