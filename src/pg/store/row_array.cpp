#include "pg/store/row_array.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

#include <string_view>

#include "pg/time.hpp"

namespace ob::pg::store {

namespace {

/// The columns of ob.transactions_all.
enum Column {
	kConnectionId,
	kAccountId,
	kTransactionId,
	kStatus,
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
	kAnnotations,
	kSyncAttempt,
	kCreatedAt,
	kUpdatedAt,
	kRemovedAt,
	kColumns
};

/// One row being filled.
struct RowBuilder {
	Datum values[kColumns];
	bool nulls[kColumns];

	void set(Column column, Datum value) {
		values[column] = value;
		nulls[column] = false;
	}
	/// Empty is NULL.
	void set_text(Column column, std::string_view text) {
		if (!text.empty())
			set(column, PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size()))));
	}
	void set_numeric(Column column, std::string_view text) {
		if (!text.empty())
			set(column, DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(text.data(), text.size())),
			                                ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	void set_jsonb(Column column, std::string_view text) {
		if (!text.empty())
			set(column, DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(text.data(), text.size()))));
	}
	void fill(const Transaction &row, bool keep_raw);
};

void RowBuilder::fill(const Transaction &row, bool keep_raw) {
	memset(nulls, true, sizeof(nulls));
	set_text(kAccountId, row.account_id);
	set_text(kTransactionId, row.id);
	set_text(kStatus, row.pending ? "pending" : "posted");
	set_numeric(kAmount, row.amount);
	set_text(kCurrency, row.currency);
	set(kDate, DateADTGetDatum(to_server(row.date)));
	if (row.authorized_date)
		set(kAuthorizedDate, DateADTGetDatum(to_server(*row.authorized_date)));
	if (row.booked_at)
		set(kBookedAt, TimestampTzGetDatum(to_server(*row.booked_at)));
	set_text(kDescription, row.description);
	set_text(kMerchantName, row.merchant_name);
	set_text(kCounterparty, row.counterparty);
	set_text(kCategory, row.category);
	set_text(kCategoryDetail, row.category_detail);
	set_text(kType, row.type);
	set_text(kReference, row.reference);
	set_numeric(kRunningBalance, row.running_balance);
	set_text(kPendingTransactionId, row.pending_transaction_id);
	if (keep_raw)
		set_jsonb(kRaw, row.raw);
}

/// One row being read.
struct RowReader {
	Datum values[kColumns];
	bool nulls[kColumns];

	std::string_view get_text(Column column) const {
		if (nulls[column])
			return {};
		const struct varlena *bytes = DatumGetTextPP(values[column]);
		return {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
	}
	std::string_view get_numeric(Column column) const {
		if (nulls[column])
			return {};
		return DatumGetCString(DirectFunctionCall1(numeric_out, values[column]));
	}
};

/// Whoever has added a column has to fill it here, too.
void check_columns(TupleDesc columns) {
	if (columns->natts != kColumns)
		elog(ERROR, "table ob.transactions_all has %d columns instead of %d", columns->natts, kColumns);
}

} // namespace

RowArray build_row_array(std::span<const Transaction> rows, bool keep_raw) {
	const Oid relation = get_relname_relid("transactions_all", get_namespace_oid("ob", false));
	const Oid row_type = get_rel_type_id(relation);
	TupleDesc columns = lookup_rowtype_tupdesc(row_type, -1);
	check_columns(columns);
	Datum *elements = static_cast<Datum *>(palloc(sizeof(Datum) * rows.size()));
	int count = 0;
	RowBuilder builder;
	for (const Transaction &row : rows) {
		builder.fill(row, keep_raw);
		elements[count++] = HeapTupleGetDatum(heap_form_tuple(columns, builder.values, builder.nulls));
	}
	ReleaseTupleDesc(columns);
	return {get_array_type(row_type),
	        PointerGetDatum(construct_array(elements, count, row_type, -1, false, TYPALIGN_DOUBLE))};
}

void read_row(HeapTuple tuple, TupleDesc columns, Transaction *row) {
	check_columns(columns);
	RowReader reader;
	heap_deform_tuple(tuple, columns, reader.values, reader.nulls);
	*row = Transaction();
	row->id = reader.get_text(kTransactionId);
	row->account_id = reader.get_text(kAccountId);
	row->pending = reader.get_text(kStatus) == "pending";
	row->amount = reader.get_numeric(kAmount);
	row->currency = reader.get_text(kCurrency);
	row->date = from_server_date(DatumGetDateADT(reader.values[kDate]));
	row->description = reader.get_text(kDescription);
	row->merchant_name = reader.get_text(kMerchantName);
	row->counterparty = reader.get_text(kCounterparty);
	row->category = reader.get_text(kCategory);
	row->category_detail = reader.get_text(kCategoryDetail);
	row->type = reader.get_text(kType);
	row->reference = reader.get_text(kReference);
	row->running_balance = reader.get_numeric(kRunningBalance);
	row->pending_transaction_id = reader.get_text(kPendingTransactionId);
	if (!reader.nulls[kAuthorizedDate])
		row->authorized_date = from_server_date(DatumGetDateADT(reader.values[kAuthorizedDate]));
	if (!reader.nulls[kBookedAt])
		row->booked_at = from_server(DatumGetTimestampTz(reader.values[kBookedAt]));
}

} // namespace ob::pg::store
