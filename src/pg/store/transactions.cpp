#include "pg/store/transactions.hpp"

#include <optional>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "pg/guard.hpp"
#include "pg/store/row_array.hpp"
#include "pg/store/sql.hpp"
#include "pg/subxact.hpp"

namespace ob::pg::store {

namespace {

// The formatter takes SQL apart.
// clang-format off

// What the provider says of a transaction, but for raw; `t` is put before each column.
#define OB_CONTENT(t)                                                                                                  \
	t "status, " t "amount, " t "currency, " t "date, " t "authorized_date, " t "booked_at, " t "description, " t          \
	  "merchant_name, " t "counterparty, " t "category, " t "category_detail, " t "type, " t "reference, " t               \
	  "running_balance, " t "pending_transaction_id"

// Of the incoming rows $2. What a user noted on a pending row moves along to the posted one.
#define OB_INSERT                                                                                                      \
	"INSERT INTO ob.transactions_all AS t (connection_id, account_id, transaction_id, " OB_CONTENT("") ", raw, "           \
	"annotations, sync_attempt) "                                                                                          \
	"SELECT $1, i.account_id, i.transaction_id, " OB_CONTENT("i.") ", i.raw, "                                             \
	"CASE WHEN i.pending_transaction_id IS NOT NULL THEN (SELECT p.annotations FROM ob.transactions_all p "                \
	"WHERE p.connection_id = $1 AND p.account_id = i.account_id AND p.transaction_id = i.pending_transaction_id "          \
	"AND p.annotations IS NOT NULL) END, $3 FROM unnest($2) i "

constexpr const char *kInsert = OB_INSERT;

// The stored row of an incoming one. OFFSET 0 keeps it a look-up by key: as a plain join, planned while the table is
// small, it would go through all rows of the connection again and again for ever after.
#define OB_STORED                                                                                                      \
	"LATERAL (SELECT * FROM ob.transactions_all WHERE connection_id = $1 AND account_id = i.account_id "                   \
	"AND transaction_id = i.transaction_id OFFSET 0)"

constexpr const char *kUpsert =
	"WITH written AS (" OB_INSERT
	"LEFT JOIN " OB_STORED " o ON true "
	"WHERE o.transaction_id IS NULL OR o.removed_at IS NOT NULL "
	"OR (" OB_CONTENT("o.") ") IS DISTINCT FROM (" OB_CONTENT("i.") ") "
	"OR (i.raw IS NOT NULL AND o.raw IS DISTINCT FROM i.raw) "
	"ON CONFLICT (connection_id, account_id, transaction_id) "
	"DO UPDATE SET (" OB_CONTENT("") ") = (" OB_CONTENT("EXCLUDED.") "), "
	"raw = COALESCE(EXCLUDED.raw, t.raw), annotations = COALESCE(t.annotations, EXCLUDED.annotations), "
	// A row that comes back counts as first written now: an abandoned loop must not bring back for good what the bank
	// has taken away again.
	"sync_attempt = CASE WHEN t.removed_at IS NULL THEN t.sync_attempt ELSE EXCLUDED.sync_attempt END, "
	"updated_at = clock_timestamp(), removed_at = NULL "
	// New to whoever looks: the sub-select sees the row as it was before this statement.
	"RETURNING t.xmax = 0 OR (SELECT b.removed_at IS NOT NULL FROM ob.transactions_all b WHERE b.connection_id = $1 "
	"AND b.account_id = t.account_id AND b.transaction_id = t.transaction_id) AS inserted) "
	"SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written";

// Updates stored rows that are looked up as above: each conflicts with itself, so none may come twice.
#define OB_UPDATE_STORED(incoming, condition)                                                                          \
	"INSERT INTO ob.transactions_all AS t (connection_id, account_id, transaction_id, status, amount, date) "          \
	"SELECT o.connection_id, o.account_id, o.transaction_id, o.status, o.amount, o.date "                              \
	"FROM " incoming " i "                                                                                             \
	"CROSS JOIN " OB_STORED " o WHERE " condition                                                                      \
	" ON CONFLICT (connection_id, account_id, transaction_id) DO UPDATE SET "

// Rows of this loop that an abandoned attempt wrote first and this one sees again.
constexpr const char *kRestamp =
	OB_UPDATE_STORED("unnest($2)", "o.sync_attempt >= $4 AND o.sync_attempt < $3") "sync_attempt = $3";

#define OB_MARK_REMOVED "removed_at = clock_timestamp(), updated_at = clock_timestamp()"
// Of a removed row: its id, if it was a pending one with a note.
#define OB_NOTED " RETURNING CASE WHEN t.annotations IS NOT NULL AND t.status = 'pending' THEN t.transaction_id END"

constexpr const char *kRemove =
	OB_UPDATE_STORED("(SELECT DISTINCT * FROM unnest($2, $3) AS u(account_id, transaction_id))", "o.removed_at IS NULL")
	OB_MARK_REMOVED OB_NOTED;

// clang-format on

/// Rows of a scan in memory at once.
constexpr std::size_t kScanBatch = 500;

/// Memory for one statement's arrays, freed on every path but a server error, which frees the transaction's.
class PageContext {
public:
	PageContext()
	    : context_(guard([] {
		      return AllocSetContextCreate(CurTransactionContext, "openbanking page", ALLOCSET_DEFAULT_SIZES);
	      })) {}
	MemoryContext get() const { return context_; }
	void free() {
		guard([&] { MemoryContextDelete(context_); });
	}

private:
	MemoryContext context_;
};

/// What was noted on a pending row while the posted one was written: removing it has waited for that to be committed.
/// Each look goes through the account's rows; pending ones are few.
void carry_notes(ConnectionId id, const Result &removed) {
	static Statement carry(
	    "UPDATE ob.transactions_all t SET annotations = p.annotations, updated_at = clock_timestamp() "
	    "FROM ob.transactions_all p WHERE p.connection_id = $1 AND p.transaction_id = ANY ($2) "
	    "AND p.annotations IS NOT NULL AND t.connection_id = $1 AND t.account_id = p.account_id "
	    "AND t.pending_transaction_id = p.transaction_id AND t.annotations IS NULL");
	std::vector<std::string> noted;
	for (const Row &row : removed.rows)
		if (!row.is_null(0))
			noted.push_back(row.text(0));
	if (!noted.empty())
		carry.run({Param::integer(id), Param::text_array(noted)});
}

/// Inserts rows none of which is stored yet and returns how many; nothing, and nothing is done, if one is.
std::optional<std::int64_t> insert_new(ConnectionId id, const Param &incoming, const AttemptStamp &stamp) {
	static Statement insert(kInsert);
	std::int64_t count = 0;
	try {
		subtransaction([&] {
			const Result done = insert.run({Param::integer(id), incoming, Param::integer(stamp.attempt)});
			count = static_cast<std::int64_t>(done.processed);
		});
	} catch (const ServerError &error) {
		if (!error.data() || error.data()->sqlerrcode != ERRCODE_UNIQUE_VIOLATION)
			throw;
		return std::nullopt;
	}
	return count;
}

void each_row(Statement &select, std::initializer_list<Param> params,
              const std::function<void(const Transaction &)> &fn) {
	std::vector<Transaction> rows(kScanBatch);
	Cursor cursor(select, params);
	for (;;) {
		const Cursor::Batch batch = cursor.fetch(rows.size());
		if (batch.count == 0)
			break;
		guard([&] {
			MemoryContext previous = MemoryContextSwitchTo(batch.memory);
			for (std::size_t i = 0; i < batch.count; ++i)
				read_row(batch.tuples[i], batch.columns, &rows[i]);
			MemoryContextSwitchTo(previous);
		});
		for (std::size_t i = 0; i < batch.count; ++i)
			fn(rows[i]);
	}
	cursor.close();
}

} // namespace

TransactionCounts write_transactions(ConnectionId id, std::span<const Transaction> rows, const AttemptStamp &stamp,
                                     bool keep_raw) {
	static Statement upsert(kUpsert);
	static Statement restamp(kRestamp);
	TransactionCounts counts;
	if (rows.empty())
		return counts;

	PageContext memory;
	const RowArray array = guard([&] {
		MemoryContext previous = MemoryContextSwitchTo(memory.get());
		const RowArray built = build_row_array(rows, keep_raw);
		MemoryContextSwitchTo(previous);
		return built;
	});
	const Param incoming = Param::datum(array.type, array.value);
	if (stamp.restamp)
		restamp.run({Param::integer(id), incoming, Param::integer(stamp.attempt), Param::integer(stamp.loop_first)});
	std::optional<std::int64_t> inserted;
	if (stamp.expect_new)
		inserted = insert_new(id, incoming, stamp);
	if (inserted) {
		counts.added = *inserted;
	} else {
		const Result written = upsert.run({Param::integer(id), incoming, Param::integer(stamp.attempt)});
		counts.added = written.rows.front().integer(0);
		counts.modified = written.rows.front().integer(1);
		counts.unchanged = static_cast<std::int64_t>(rows.size()) - counts.added - counts.modified;
	}
	memory.free();
	return counts;
}

std::int64_t remove_transactions(ConnectionId id, std::span<const RemovedTransaction> removed) {
	static Statement by_key(kRemove);
	// Older answers name the transaction only.
	static Statement by_id("UPDATE ob.transactions_all t SET " OB_MARK_REMOVED
	                       " WHERE connection_id = $1 AND transaction_id = ANY ($2) AND removed_at IS NULL" OB_NOTED);
	std::vector<std::string> accounts, ids, bare_ids;
	for (const RemovedTransaction &row : removed) {
		if (row.account_id.empty()) {
			bare_ids.emplace_back(row.id);
		} else {
			accounts.emplace_back(row.account_id);
			ids.emplace_back(row.id);
		}
	}
	std::uint64_t count = 0;
	const auto remove = [&](Statement &statement, std::initializer_list<Param> params) {
		const Result removed = statement.run(params);
		carry_notes(id, removed);
		count += removed.processed;
	};
	if (!ids.empty())
		remove(by_key, {Param::integer(id), Param::text_array(accounts), Param::text_array(ids)});
	if (!bare_ids.empty())
		remove(by_id, {Param::integer(id), Param::text_array(bare_ids)});
	return static_cast<std::int64_t>(count);
}

std::int64_t remove_ghosts(ConnectionId id, const AttemptStamp &stamp) {
	static Statement remove(
	    "UPDATE ob.transactions_all SET removed_at = clock_timestamp(), updated_at = clock_timestamp() "
	    "WHERE connection_id = $1 AND sync_attempt >= $2 AND sync_attempt < $3 AND removed_at IS NULL AND account_id NOT IN "
	    "(SELECT a.account_id FROM ob.accounts_all a WHERE a.connection_id = $1 AND NOT a.sync_enabled)");
	return static_cast<std::int64_t>(
	    remove.run({Param::integer(id), Param::integer(stamp.loop_first), Param::integer(stamp.attempt)}).processed);
}

void each_live_transaction(ConnectionId id, const std::function<void(const Transaction &)> &fn) {
	static Statement select("SELECT * FROM ob.transactions_all WHERE connection_id = $1 AND removed_at IS NULL");
	each_row(select, {Param::integer(id)}, fn);
}

void each_live_transaction_since(ConnectionId id, std::string_view account_id, Date since,
                                 const std::function<void(const Transaction &)> &fn) {
	// In the order of the index by day, or a plan made while the table is small would read all of the account.
	static Statement select("SELECT * FROM ob.transactions_all WHERE connection_id = $1 AND account_id = $2 "
	                        "AND date >= $3::date AND removed_at IS NULL ORDER BY date DESC, transaction_id");
	const std::string day = time::format_date(since);
	each_row(select, {Param::integer(id), Param::text(account_id), Param::text(day)}, fn);
}

} // namespace ob::pg::store
