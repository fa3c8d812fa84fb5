#include "pg/store/transactions.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/jsonb.h"
}

#include <array>
#include <string>
#include <vector>

#include "crypto/digest.hpp"
#include "pg/guard.hpp"
#include "pg/store/sql.hpp"
#include "pg/time.hpp"

namespace ob::pg::store {

namespace {

/// The columns of a batch as arrays, in the order of the statement's parameters $2….
enum Column {
	kAccountId,
	kTransactionId,
	kPending,
	kAmount,
	kCurrency,
	kDate,
	kAuthorizedDate,
	kBookedAt,
	kDescription,
	kMerchantName,
	kCounterparty,
	kCategory,
	kCategoryDetail,
	kType,
	kReference,
	kRunningBalance,
	kPendingTransactionId,
	kRaw,
	kColumns
};

constexpr std::array<Oid, kColumns> kElementTypes = {TEXTOID, TEXTOID, BOOLOID, NUMERICOID, TEXTOID, DATEOID,
													 DATEOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
													 TEXTOID, TEXTOID, TEXTOID, NUMERICOID, TEXTOID, JSONBOID};
constexpr std::array<Oid, kColumns> kArrayTypes = {
	TEXTARRAYOID, TEXTARRAYOID, BOOLARRAYOID, NUMERICARRAYOID, TEXTARRAYOID,    DATEARRAYOID,
	DATEARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
	TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, NUMERICARRAYOID, TEXTARRAYOID,    JSONBARRAYOID};

/// One column being filled. Server regime.
struct ColumnBuilder {
	Datum *values;
	bool *nulls;
	int count = 0;

	void add(Datum value) {
		values[count] = value;
		nulls[count++] = false;
	}
	void add_null() {
		values[count] = 0;
		nulls[count++] = true;
	}
	void add_text(std::string_view text) {
		if (text.empty())
			add_null();
		else
			add(PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size()))));
	}
	char *c_string(std::string_view text) {
		return pnstrdup(text.data(), text.size());
	}
	void add_numeric(std::string_view text) {
		if (text.empty())
			add_null();
		else
			add(DirectFunctionCall3(numeric_in, CStringGetDatum(c_string(text)), ObjectIdGetDatum(InvalidOid),
									Int32GetDatum(-1)));
	}
	void add_jsonb(std::string_view text) {
		if (text.empty())
			add_null();
		else
			add(DirectFunctionCall1(jsonb_in, CStringGetDatum(c_string(text))));
	}
};

void fill(ColumnBuilder *columns, const Transaction &row, bool keep_raw) {
	columns[kAccountId].add_text(row.account_id);
	columns[kTransactionId].add_text(row.id);
	columns[kPending].add(BoolGetDatum(row.pending));
	columns[kAmount].add_numeric(row.amount);
	columns[kCurrency].add_text(row.currency);
	columns[kDate].add(DateADTGetDatum(to_server(row.date)));
	if (row.authorized_date)
		columns[kAuthorizedDate].add(DateADTGetDatum(to_server(*row.authorized_date)));
	else
		columns[kAuthorizedDate].add_null();
	if (row.booked_at)
		columns[kBookedAt].add(TimestampTzGetDatum(to_server(*row.booked_at)));
	else
		columns[kBookedAt].add_null();
	columns[kDescription].add_text(row.description);
	columns[kMerchantName].add_text(row.merchant_name);
	columns[kCounterparty].add_text(row.counterparty);
	columns[kCategory].add_text(row.category);
	columns[kCategoryDetail].add_text(row.category_detail);
	columns[kType].add_text(row.type);
	columns[kReference].add_text(row.reference);
	columns[kRunningBalance].add_numeric(row.running_balance);
	columns[kPendingTransactionId].add_text(row.pending_transaction_id);
	columns[kRaw].add_jsonb(keep_raw ? row.raw : std::string_view());
}

/// Builds all arrays in the current memory context. Server regime.
void build(std::span<const Transaction> rows, bool keep_raw, Datum *arrays) {
	ColumnBuilder columns[kColumns];
	for (ColumnBuilder &column : columns) {
		column.values = static_cast<Datum *>(palloc(sizeof(Datum) * rows.size()));
		column.nulls = static_cast<bool *>(palloc(sizeof(bool) * rows.size()));
	}
	for (const Transaction &row : rows)
		fill(columns, row, keep_raw);
	int dimensions[1] = {static_cast<int>(rows.size())};
	int lower_bounds[1] = {1};
	for (int i = 0; i < kColumns; ++i) {
		int16 length;
		bool by_value;
		char alignment;
		get_typlenbyvalalign(kElementTypes[static_cast<std::size_t>(i)], &length, &by_value, &alignment);
		arrays[i] = PointerGetDatum(construct_md_array(columns[i].values, columns[i].nulls, 1, dimensions, lower_bounds,
													   kElementTypes[static_cast<std::size_t>(i)], length, by_value,
													   alignment));
	}
}

#define OB_INCOMING                                                                                                    \
	"unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) AS i(account_id, "           \
	"transaction_id, pending, amount, currency, date, authorized_date, booked_at, description, merchant_name, "            \
	"counterparty, category, category_detail, type, reference, running_balance, pending_transaction_id, raw)"

// The stored row of an incoming one. OFFSET 0 keeps it a look-up by key: as a plain join, planned while the table is
// small, it would go through all rows of the connection again and again for ever after.
#define OB_STORED                                                                                                      \
	"LATERAL (SELECT * FROM ob.transactions_all WHERE connection_id = $1 AND account_id = i.account_id "                  \
	"AND transaction_id = i.transaction_id OFFSET 0)"

constexpr const char *kUpsert =
	"WITH written AS ("
	"INSERT INTO ob.transactions_all AS t (connection_id, account_id, transaction_id, status, amount, currency, date, "
	"authorized_date, booked_at, description, merchant_name, counterparty, category, category_detail, type, reference, "
	"running_balance, pending_transaction_id, raw, annotations, sync_attempt) "
	"SELECT $1, i.account_id, i.transaction_id, CASE WHEN i.pending THEN 'pending' ELSE 'posted' END, i.amount, i.currency, "
	"i.date, i.authorized_date, i.booked_at, i.description, i.merchant_name, i.counterparty, i.category, i.category_detail, "
	"i.type, i.reference, i.running_balance, i.pending_transaction_id, i.raw, "
	// What a user noted on the pending row moves along to the posted one.
	"CASE WHEN i.pending_transaction_id IS NOT NULL THEN (SELECT p.annotations FROM ob.transactions_all p "
	"WHERE p.connection_id = $1 AND p.account_id = i.account_id AND p.transaction_id = i.pending_transaction_id) END, "
	"$20 FROM " OB_INCOMING " "
	"LEFT JOIN " OB_STORED " o ON true "
	"WHERE o.transaction_id IS NULL OR o.removed_at IS NOT NULL "
	"OR o.status IS DISTINCT FROM CASE WHEN i.pending THEN 'pending' ELSE 'posted' END "
	"OR o.amount IS DISTINCT FROM i.amount OR o.currency IS DISTINCT FROM i.currency OR o.date IS DISTINCT FROM i.date "
	"OR o.authorized_date IS DISTINCT FROM i.authorized_date OR o.booked_at IS DISTINCT FROM i.booked_at "
	"OR o.description IS DISTINCT FROM i.description OR o.merchant_name IS DISTINCT FROM i.merchant_name "
	"OR o.counterparty IS DISTINCT FROM i.counterparty OR o.category IS DISTINCT FROM i.category "
	"OR o.category_detail IS DISTINCT FROM i.category_detail OR o.type IS DISTINCT FROM i.type "
	"OR o.reference IS DISTINCT FROM i.reference OR o.running_balance IS DISTINCT FROM i.running_balance "
	"OR o.pending_transaction_id IS DISTINCT FROM i.pending_transaction_id "
	"OR (i.raw IS NOT NULL AND o.raw IS DISTINCT FROM i.raw) "
	"ON CONFLICT (connection_id, account_id, transaction_id) DO UPDATE SET status = EXCLUDED.status, "
	"amount = EXCLUDED.amount, currency = EXCLUDED.currency, date = EXCLUDED.date, "
	"authorized_date = EXCLUDED.authorized_date, booked_at = EXCLUDED.booked_at, description = EXCLUDED.description, "
	"merchant_name = EXCLUDED.merchant_name, counterparty = EXCLUDED.counterparty, category = EXCLUDED.category, "
	"category_detail = EXCLUDED.category_detail, type = EXCLUDED.type, reference = EXCLUDED.reference, "
	"running_balance = EXCLUDED.running_balance, pending_transaction_id = EXCLUDED.pending_transaction_id, "
	"raw = COALESCE(EXCLUDED.raw, t.raw), annotations = COALESCE(t.annotations, EXCLUDED.annotations), "
	// A row that comes back counts as first written now: an abandoned loop must not bring back for good what the bank
	// has taken away again.
	"sync_attempt = CASE WHEN t.removed_at IS NULL THEN t.sync_attempt ELSE EXCLUDED.sync_attempt END, "
	"updated_at = clock_timestamp(), removed_at = NULL "
	"RETURNING t.xmax = 0 AS inserted) "
	"SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM written";

// Updates stored rows that are looked up as above: each conflicts with itself, so none may come twice.
#define OB_UPDATE_STORED(condition)                                                                                    \
	"INSERT INTO ob.transactions_all AS t (connection_id, account_id, transaction_id, status, amount, date) "             \
	"SELECT o.connection_id, o.account_id, o.transaction_id, o.status, o.amount, o.date "                                 \
	"FROM (SELECT DISTINCT * FROM unnest($2, $3) AS u(account_id, transaction_id)) i "                                    \
	"CROSS JOIN " OB_STORED " o WHERE " condition                                                                         \
	" ON CONFLICT (connection_id, account_id, transaction_id) DO UPDATE SET "

// Rows of this loop that an abandoned attempt wrote first and this one sees again.
constexpr const char *kRestamp =
	OB_UPDATE_STORED("o.sync_attempt >= $5 AND o.sync_attempt < $4") "sync_attempt = $4";

constexpr const char *kRemove =
	OB_UPDATE_STORED("o.removed_at IS NULL") "removed_at = clock_timestamp(), updated_at = clock_timestamp()";

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

} // namespace

TransactionCounts write_transactions(ConnectionId id, std::span<const Transaction> rows, const AttemptStamp &stamp,
									 bool keep_raw) {
	static Statement upsert(kUpsert);
	static Statement restamp(kRestamp);
	TransactionCounts counts;
	if (rows.empty())
		return counts;

	PageContext memory;
	std::array<Datum, kColumns> arrays;
	guard([&] {
		MemoryContext previous = MemoryContextSwitchTo(memory.get());
		build(rows, keep_raw, arrays.data());
		MemoryContextSwitchTo(previous);
	});
	if (stamp.restamp)
		restamp.run({Param::integer(id), Param::datum(TEXTARRAYOID, arrays[kAccountId]),
					 Param::datum(TEXTARRAYOID, arrays[kTransactionId]), Param::integer(stamp.attempt),
					 Param::integer(stamp.loop_first)});
	std::vector<Param> params{Param::integer(id)};
	params.reserve(kColumns + 2);
	for (std::size_t i = 0; i < kColumns; ++i)
		params.push_back(Param::datum(kArrayTypes[i], arrays[i]));
	params.push_back(Param::integer(stamp.attempt));
	const Result written = upsert.run(params);
	memory.free();

	counts.added = written.rows.front().integer(0);
	counts.modified = written.rows.front().integer(1);
	counts.unchanged = static_cast<std::int64_t>(rows.size()) - counts.added - counts.modified;
	return counts;
}

std::int64_t remove_transactions(ConnectionId id, std::span<const RemovedTransaction> removed) {
	static Statement by_key(kRemove);
	// Older answers name the transaction only.
	static Statement by_id("UPDATE ob.transactions_all SET removed_at = clock_timestamp(), updated_at = clock_timestamp() "
						   "WHERE connection_id = $1 AND transaction_id = ANY ($2) AND removed_at IS NULL");
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
	if (!ids.empty())
		count += by_key.run({Param::integer(id), Param::text_array(accounts), Param::text_array(ids)}).processed;
	if (!bare_ids.empty())
		count += by_id.run({Param::integer(id), Param::text_array(bare_ids)}).processed;
	return static_cast<std::int64_t>(count);
}

std::int64_t remove_ghosts(ConnectionId id, const AttemptStamp &stamp) {
	static Statement remove("UPDATE ob.transactions_all SET removed_at = clock_timestamp(), updated_at = clock_timestamp() "
							"WHERE connection_id = $1 AND sync_attempt >= $2 AND sync_attempt < $3 AND removed_at IS NULL");
	return static_cast<std::int64_t>(
		remove.run({Param::integer(id), Param::integer(stamp.loop_first), Param::integer(stamp.attempt)}).processed);
}

std::int64_t quarantine(ConnectionId id, std::span<const RejectedRow> rows) {
	static Statement keep("INSERT INTO ob.quarantine (connection_id, account_id, transaction_id, reason, digest, raw) "
						  "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (connection_id, digest) "
						  "DO UPDATE SET last_seen_at = clock_timestamp()");
	for (const RejectedRow &row : rows)
		keep.run({Param::integer(id), Param::text_or_null(row.account_id), Param::text_or_null(row.transaction_id),
				  Param::text(row.reason), Param::text(crypto::sha256_hex(row.raw)), Param::text(row.raw)});
	return static_cast<std::int64_t>(rows.size());
}

void each_live_transaction(ConnectionId id,
						   const std::function<void(std::string_view account_id, std::string_view id)> &fn) {
	static Statement next("SELECT account_id, transaction_id FROM ob.transactions_all WHERE connection_id = $1 "
						  "AND (account_id, transaction_id) > ($2, $3) AND removed_at IS NULL "
						  "ORDER BY account_id, transaction_id LIMIT 5000");
	std::string account, transaction;
	for (;;) {
		const Result batch = next.run({Param::integer(id), Param::text(account), Param::text(transaction)});
		for (const Row &row : batch.rows)
			fn(row.text(0), row.text(1));
		if (batch.rows.size() < 5000)
			return;
		account = batch.rows.back().text(0);
		transaction = batch.rows.back().text(1);
	}
}

} // namespace ob::pg::store
