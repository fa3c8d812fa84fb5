// What the sync engine needs of the database, as interfaces: the engine is pure, src/pg/store implements them. All
// calls are synchronous; no coroutine may wait between the first and the last statement of a unit. C++ regime.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/account_kinds.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/model.hpp"
#include "core/secret.hpp"

#include "core/pure.hpp"

namespace ob::providers {
struct AccountNumber;
} // namespace ob::providers

namespace ob {

/// Where a connection's sync stands (table ob.sync_state).
struct SyncState {
	/// The first cursor of the running or next loop; empty: from the beginning. For a provider that has none: what was
	/// read so far (sync/window_plan.hpp).
	std::string cursor;
	std::string loop_cursor; // how far a first backfill has committed; empty: no loop was left unfinished
	/// Rises with every loop and every restart of one; rows first written by it carry it.
	std::int64_t sync_attempt = 0;
	/// sync_attempt at which the present loop first began: rows with an attempt in [loop_first_attempt, sync_attempt)
	/// were first written by an abandoned attempt of this loop.
	std::int64_t loop_first_attempt = 0;
	bool initial_sync_done = false; // a loop has ended with a status other than not ready
	bool history_complete = false;  // the provider has delivered all the history it will deliver
	/// A full sync ended before the history was complete: what it did not meet is still shown. Or one is to be made.
	bool sweep_owed = false;
	std::int32_t attempts = 0;     // failures in a row
	std::int64_t transactions = 0; // live rows in the tables
	/// Rows that the unfinished loop is expected to bring in all.
	std::optional<std::int64_t> loop_total;
	/// Since when all accounts have been read, as far as the bank says what it shows; nothing where it is not known.
	std::optional<Date> history_from;
};

/// One connection as the engine meets it. `session` data (server, credentials) travel beside it.
struct SyncTarget {
	ConnectionId id = 0;
	std::string state; // connection state: only `active` is synced
	SyncState sync;
	std::chrono::seconds sync_interval{};
	Timestamp created_at{};  // when it was linked
	bool bank_named = false; // the bank's name is stored
	std::optional<Timestamp> health_read_at;
	bool has_quarantine = false;
	bool keep_raw = false;
	/// Accounts whose transactions are left as they are stored.
	std::set<std::string, std::less<>> paused_accounts;
};

struct AccountCounts {
	std::int64_t total = 0;
	std::int64_t changed = 0; // added, modified or removed
};

struct TransactionCounts {
	std::int64_t added = 0; // new, or back after it was removed
	std::int64_t modified = 0;
	std::int64_t unchanged = 0;
	std::int64_t removed = 0;
	std::int64_t quarantined = 0;

	TransactionCounts &operator+=(const TransactionCounts &other) {
		added += other.added;
		modified += other.modified;
		unchanged += other.unchanged;
		removed += other.removed;
		quarantined += other.quarantined;
		return *this;
	}
	/// Anything the tables would show.
	bool any_change() const { return added + modified + removed + quarantined > 0; }
};

enum class SyncStatus {
	complete, // read to the end
	waiting,  // the provider has no data yet: not an error and not done
	deferred, // told to wait; retry_at says until when
	busy,     // another session is syncing this connection
};

/// A failed sync, decided upon: what to store and when to try again.
struct SyncFailure {
	ErrorCode code = ErrorCode::internal;
	std::optional<Reaction> reaction; // absent: not a provider's answer (network, bad reply)
	std::string provider_code;        // the provider's, else the SQLSTATE
	std::string message;              // the sentence for the end user or operator; no provider text
	/// The connection's new state (reauth_required, revoked, error); empty: unchanged, the trouble is transient.
	std::string new_state;
	std::string reauth_reason;         // with reauth_required
	std::optional<Timestamp> retry_at; // next attempt; absent: none until something changes
};

/// What one sync did.
struct SyncReport {
	SyncStatus status = SyncStatus::complete;
	TransactionCounts transactions;
	AccountCounts accounts;
	std::int64_t requests = 0;
	std::chrono::microseconds duration{};
	std::optional<Timestamp> retry_at;
	std::optional<ConnectionHealth> health;  // absent: it could not be read
	std::optional<Timestamp> health_read_at; // the provider was asked for it by a call of its own, and answered
	std::string institution_logo;            // where the bank's name was missing; base64 of a PNG
	/// The rows could be read although the connection is broken: its new state.
	std::optional<SyncFailure> standing_error;
};

/// Bytes kept for later, in memory up to a limit and in a temporary file beyond. First written, then read in order.
class Spool {
public:
	virtual ~Spool() = default;
	virtual void write(std::string_view bytes) = 0;
	/// Starts reading, again and again, from the first byte. Nothing is written any more then.
	virtual void rewind() = 0;
	/// Fills `out` with exactly `size` bytes; false at the end. Throws on anything in between.
	virtual bool read(char *out, std::size_t size) = 0;
};

/// How rows are stamped during a first backfill (see SyncState).
struct AttemptStamp {
	std::int64_t attempt = 0;
	std::int64_t loop_first = 0;
	bool restamp = false;    // rows of this loop that are seen again take the present attempt
	bool expect_new = false; // the rows are hardly stored yet: a hint that saves looking, never an assumption
};

/// What is stored of an account, to know it again under another id.
struct KeptAccount {
	std::string id;
	std::string currency;
	bool live = true;            // not marked removed
	std::vector<Secret> numbers; // as providers::number_key() writes them
	std::string card;            // as providers::card_key() does
};

/// What a crash of the server may take away.
enum class Durability {
	at_once, // nothing that was committed
	soon,    // the latest commits of this kind: for what would be done again all the same
	certain, // nothing, even where whoever runs it has said that a little may be lost
};

class SyncStore {
public:
	virtual ~SyncStore() = default;

	/// One commit unit: runs `body` in a subtransaction and commits (procedures) or leaves it to the caller's
	/// transaction (functions). If `body` throws, nothing of it remains and the exception passes on.
	virtual void unit(const std::function<void()> &body, Durability durability = Durability::at_once) = 0;

	// ---- inside a unit ----

	/// Upserts what differs and marks removed what the list does not name, although it tells of that kind. Ids in the
	/// list are unique.
	virtual AccountCounts write_accounts(ConnectionId id, const AccountList &list, AccountKinds told,
	                                     bool keep_raw) = 0;
	/// Upserts what differs (compare first); a row marked removed comes back, and counts as added: its
	/// stamp becomes stamp.attempt, or an abandoned loop could bring a row back for good that the bank has taken away
	/// again. What is in quarantine of these rows is settled and goes. At most 500 rows; ids in `rows` are unique. Rows
	/// that the tables refuse are the caller's to filter: this throws.
	virtual TransactionCounts write_transactions(ConnectionId id, std::span<const Transaction> rows, AttemptStamp stamp,
	                                             bool keep_raw) = 0;
	/// Marks removed; unknown ids are ignored. What is in quarantine of them goes. At most 500. Returns how many were
	/// live.
	virtual std::int64_t remove_transactions(ConnectionId id, std::span<const RemovedTransaction> removed) = 0;
	/// Marks removed what an abandoned attempt of this loop wrote first and this attempt did not see, and takes such
	/// rows out of quarantine. Not of paused accounts, whose rows no attempt sees.
	virtual std::int64_t remove_ghosts(ConnectionId id, AttemptStamp stamp) = 0;
	/// At most 500.
	virtual std::int64_t quarantine(ConnectionId id, std::span<const RejectedRow> rows, AttemptStamp stamp) = 0;
	/// Takes out of quarantine what this attempt, which has read everything, did not see; not of paused accounts.
	virtual void sweep_quarantine(ConnectionId id, AttemptStamp stamp) = 0;
	/// Calls `fn` for every live transaction, in any order; the row, without its raw object, lasts as long as the call.
	/// `fn` must not call the store.
	virtual void each_live_transaction(ConnectionId id, const std::function<void(const Transaction &)> &fn) = 0;
	/// As each_live_transaction, for one account and from a day on.
	virtual void each_live_transaction_since(ConnectionId id, std::string_view account_id, Date since,
	                                         const std::function<void(const Transaction &)> &fn) = 0;
	/// All accounts of the connection, removed ones included. Throws Error(unseal_failed) if their numbers do not open.
	virtual std::vector<KeptAccount> kept_accounts(ConnectionId id) = 0;
	/// The provider calls an account by another id now: its row and everything stored of it go along, but for its
	/// numbers. False, and nothing is done, if anything is stored under the new id already.
	virtual bool move_account(ConnectionId id, std::string_view from, std::string_view to) = 0;
	/// Keeps, sealed, the numbers of those accounts of which none are kept.
	virtual void keep_account_numbers(ConnectionId id, const std::vector<providers::AccountNumber> &numbers) = 0;
	/// Whether amounts of the account have come whose sign contradicts what else the bank says of them.
	virtual void mark_signs(ConnectionId id, std::string_view account_id, bool suspect) = 0;
	/// Writes `now`; throws Error(internal) if the stored cursor is no longer `before.cursor` (another sync came
	/// between, which the connection's lock excludes).
	virtual void save_state(ConnectionId id, const SyncState &before, const SyncState &now) = 0;
	/// The end of a sync that did not fail, whatever its status: connection status, health, next_sync_at (interval, or
	/// report.retry_at; none with a standing error), audit line when something changed.
	virtual void finish(ConnectionId id, const SyncReport &report) = 0;

	// ---- outside a unit ----

	/// Records a failed sync, as a unit of its own, or through the outcome worker where the caller's statement is
	/// about to raise.
	virtual void record_failure(ConnectionId id, const SyncFailure &failure) = 0;

	// ---- at any time ----

	virtual std::unique_ptr<Spool> make_spool() = 0;
};

} // namespace ob

#include "core/pure.hpp"
