#include "pg/store/sync_store.hpp"

#include <utility>

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

/// What the server's options say.
struct SyncOptions {
	bool keep_raw;
	std::chrono::seconds sync_interval; // unless the connection says otherwise
};

SyncOptions read_options(const std::string &server) {
	const providers::ServerConfig options = server_options(server);
	return {providers::parse_boolean(options.option("keep_raw")).value_or(false),
	        providers::parse_interval(options.option("sync_interval")).value()};
}

void audit_changes(ConnectionId id, const SyncReport &report) {
	json::Object details;
	details.set("added", report.transactions.added).set("modified", report.transactions.modified);
	details.set("removed", report.transactions.removed).set("quarantined", report.transactions.quarantined);
	details.set("accounts_changed", report.accounts.changed).set("requests", report.requests);
	const std::string text(details.dump());
	audit({.action = "SYNCED", .connection = id, .details_json = text});
}

void audit_failure(ConnectionId id, const SyncFailure &failure) {
	const std::string details = failure_to_json(failure);
	audit({.action = failure.new_state == "reauth_required" ? "REAUTH_REQUIRED" : "SYNC_FAILED",
	       .connection = id,
	       .success = false,
	       .details_json = details});
}

/// Being told to wait is no success: what was wrong before stays as it is shown.
void defer(ConnectionId id, const SyncReport &report) {
	static Statement connection(
	    "UPDATE ob.connections SET last_sync_status = 'deferred', updated_at = clock_timestamp() "
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
	std::vector<SyncTarget> found = load(std::span(&connection, 1));
	if (found.empty())
		throw Error(ErrorCode::not_found, "connection " + std::to_string(connection.id) + " has no sync state");
	return std::move(found.front());
}

std::vector<SyncTarget> PgSyncStore::load(std::span<const Connection> connections) {
	static Statement select(
	    "SELECT s.cursor, s.loop_cursor, s.sync_attempt, s.loop_first_attempt, s.initial_sync_done, "
	    "s.history_complete, "
	    "s.attempts, c.state, COALESCE(extract(epoch from c.sync_interval)::bigint, 0), s.sweep_owed, "
	    "c.transactions_synced, (extract(epoch from c.created_at) * 1000000)::bigint, "
	    "EXISTS (SELECT FROM ob.quarantine q WHERE q.connection_id = s.connection_id), c.institution_name IS NOT NULL, "
	    "(extract(epoch from s.health_read_at) * 1000000)::bigint, c.id, c.server, s.loop_total, "
	    "EXISTS (SELECT FROM ob.accounts_all a WHERE a.connection_id = c.id AND NOT a.sync_enabled) "
	    "FROM ob.connections c JOIN ob.sync_state s ON s.connection_id = c.id WHERE c.id = ANY ($1)");
	std::vector<std::int64_t> ids;
	for (const Connection &connection : connections)
		ids.push_back(connection.id);
	std::vector<SyncTarget> targets;
	as_owner([&] {
		std::map<std::string, SyncOptions> options;
		std::vector<std::int64_t> without_raw;
		for (const Row &row : select.read_fresh({Param::integer_array(ids)}).rows) {
			SyncTarget &target = targets.emplace_back();
			target.id = row.integer(15);
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
			if (!row.is_null(17))
				target.sync.loop_total = row.integer(17);
			target.created_at = *row.timestamp(11);
			target.bank_named = row.boolean(13);
			target.health_read_at = row.timestamp(14);
			if (row.boolean(18))
				target.paused_accounts = paused_accounts(target.id);
			auto found = options.find(row.text(16));
			if (found == options.end())
				found = options.emplace(row.text(16), read_options(row.text(16))).first;
			target.keep_raw = found->second.keep_raw;
			target.sync_interval =
			    row.integer(8) > 0 ? std::chrono::seconds(row.integer(8)) : found->second.sync_interval;
			target.has_quarantine = row.boolean(12);
			loaded_[target.id] = {target.sync_interval, target.has_quarantine, target.state == "error", std::nullopt,
			                      SystemClock().now()};
			if (!target.keep_raw)
				without_raw.push_back(target.id);
		}
		auto accounts = live_accounts(without_raw);
		for (const ConnectionId id : without_raw)
			loaded_[id].accounts = std::move(accounts[id]);
	});
	return targets;
}

void PgSyncStore::unit(const std::function<void()> &body, Durability durability) {
	const auto work = [&] {
		if (commit_ != Commit::by_caller)
			limit_lock_waits();
		changed_.clear();
		finishing_.clear();
		first_.reset();
		unit_rows_ = 0;
		results_.clear();
		body();
		results_.write();
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

AccountCounts PgSyncStore::write_accounts(ConnectionId id, const AccountList &list, AccountKinds told, bool keep_raw) {
	enter(id);
	std::optional<std::vector<Account>> &stored = loaded_[id].accounts;
	if (stored && !keep_raw && shows(*stored, list, told))
		return {static_cast<std::int64_t>(list.accounts.size()), 0};
	stored.reset();
	const AccountCounts counts = store::write_accounts(id, list, told, keep_raw);
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

/// One that is shared is tried once more for each connection if somebody stands in its way.
void PgSyncStore::enter(ConnectionId id) {
	if (!first_)
		first_ = id;
	else if (*first_ != id)
		give_way_to_locks();
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
	loaded_[id].accounts.reset();
	const bool moved = store::move_account(id, from, to);
	note_change(id, moved);
	return moved;
}

void PgSyncStore::keep_account_numbers(ConnectionId id, const std::vector<providers::AccountNumber> &numbers) {
	store::keep_account_numbers(id, numbers);
}

void PgSyncStore::mark_signs(ConnectionId id, std::string_view account_id, bool suspect) {
	note_change(id, store::mark_signs(id, account_id, suspect));
}

void PgSyncStore::save_state(ConnectionId id, const SyncState &before, const SyncState &now) {
	if (now.loop_cursor.empty())
		results_.keep_state(id, before, now);
	else
		store::save_state(id, before, now, unit_rows_);
}

void PgSyncStore::finish(ConnectionId id, const SyncReport &report) {
	enter(id);
	finishing_.push_back(id);
	if (report.status == SyncStatus::deferred) {
		defer(id, report);
		return;
	}
	results_.add(id, report, loaded_[id].interval, loaded_[id].at);
	if (loaded_[id].in_error)
		notify(id, "active");
	if (report.transactions.any_change() || report.accounts.changed > 0)
		audit_changes(id, report);
	if (report.standing_error) {
		results_.write();
		if (apply_standing_error(id, *report.standing_error, loaded_[id].at))
			audit_failure(id, *report.standing_error);
	}
}

void PgSyncStore::record_failure(ConnectionId id, const SyncFailure &failure) {
	if (commit_ == Commit::by_caller) {
		sink_(id, failure);
		return;
	}
	const auto known = loaded_.find(id);
	const auto begun = known == loaded_.end() ? std::nullopt : std::optional(known->second.at);
	unit([&] {
		if (apply_failure(id, failure, begun, std::nullopt))
			audit_failure(id, failure);
	});
}

std::unique_ptr<Spool> PgSyncStore::make_spool() {
	return std::make_unique<FileSpool>();
}

} // namespace ob::pg::store
