// Server regime: no object with a destructor is made here.
#include "pg/fdw/rows.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
}

#include <cstring>
#include <optional>
#include <string_view>

#include "core/money.hpp"
#include "pg/time.hpp"

namespace ob::pg::fdw {

namespace {

/// One value; NULL unless set.
struct Value {
	Datum datum = 0;
	bool is_null = true;
};

Value of(Datum datum) {
	return {datum, false};
}

/// Absent and "" are alike: NULL.
Value from_text(std::string_view text_value) {
	if (text_value.empty())
		return {};
	return of(PointerGetDatum(cstring_to_text_with_len(text_value.data(), static_cast<int>(text_value.size()))));
}

Value from_amount(std::string_view digits) {
	if (digits.empty())
		return {};
	char buffer[money::kMaxLength + 1];
	char *text_value = digits.size() < sizeof buffer ? buffer : static_cast<char *>(palloc(digits.size() + 1));
	std::memcpy(text_value, digits.data(), digits.size());
	text_value[digits.size()] = '\0';
	return of(
	    DirectFunctionCall3(numeric_in, CStringGetDatum(text_value), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

Value from_json(std::string_view json) {
	if (json.empty())
		return {};
	char *text_value = pnstrdup(json.data(), json.size());
	const Value value = of(DirectFunctionCall1(jsonb_in, CStringGetDatum(text_value)));
	pfree(text_value);
	return value;
}

Value from_time(const std::optional<Timestamp> &at) {
	return at ? of(TimestampTzGetDatum(to_server(*at))) : Value{};
}

Value from_day(const std::optional<Date> &day) {
	return day ? of(DateADTGetDatum(to_server(*day))) : Value{};
}

Value value_of(const store::Connection &connection, Column column) {
	switch (column) {
	case Column::server:
		return of(DirectFunctionCall1(namein, CStringGetDatum(connection.server.c_str())));
	case Column::provider:
		return from_text(connection.provider);
	case Column::user_ref:
		return from_text(connection.user_ref);
	case Column::institution_name:
		return from_text(connection.institution_name);
	case Column::connection_state:
		return from_text(connection.state);
	case Column::connection_id:
		return of(Int64GetDatum(connection.id));
	default:
		return {};
	}
}

/// An account and when it was read.
struct ReadAccount {
	const Account &account;
	Timestamp read_at;
};

Value value_of(const ReadAccount &row, Column column) {
	const Account &account = row.account;
	switch (column) {
	case Column::account_id:
		return from_text(account.id);
	case Column::name:
		return from_text(account.name);
	case Column::official_name:
		return from_text(account.official_name);
	case Column::type:
		return from_text(account.type);
	case Column::provider_type:
		return from_text(account.provider_type);
	case Column::provider_subtype:
		return from_text(account.provider_subtype);
	case Column::mask:
		return from_text(account.mask);
	case Column::iban:
		return from_text(account.iban);
	case Column::currency:
		return from_text(account.currency);
	case Column::balance_current:
		return from_amount(account.balance_current);
	case Column::balance_available:
		return from_amount(account.balance_available);
	case Column::credit_limit:
		return from_amount(account.credit_limit);
	case Column::balance_at:
		return from_time(account.balance_at ? account.balance_at : std::optional(row.read_at));
	case Column::sign_suspect: // only a series of balances could make it so
		return of(BoolGetDatum(false));
	case Column::status:
		return from_text(account.status);
	case Column::raw:
		return from_json(account.raw);
	default: // account_ref, annotations, first_seen_at, updated_at: only stored rows have them
		return {};
	}
}

Value value_of(const Transaction &row, Column column) {
	switch (column) {
	case Column::account_id:
		return from_text(row.account_id);
	case Column::transaction_id:
		return from_text(row.id);
	case Column::status:
		return from_text(row.pending ? "pending" : "posted");
	case Column::amount:
		return from_amount(row.amount);
	case Column::currency:
		return from_text(row.currency);
	case Column::date:
		return from_day(row.date);
	case Column::authorized_date:
		return from_day(row.authorized_date);
	case Column::booked_at:
		return from_time(row.booked_at);
	case Column::description:
		return from_text(row.description);
	case Column::merchant_name:
		return from_text(row.merchant_name);
	case Column::counterparty:
		return from_text(row.counterparty);
	case Column::category:
		return from_text(row.category);
	case Column::category_detail:
		return from_text(row.category_detail);
	case Column::type:
		return from_text(row.type);
	case Column::reference:
		return from_text(row.reference);
	case Column::running_balance:
		return from_amount(row.running_balance);
	case Column::pending_transaction_id:
		return from_text(row.pending_transaction_id);
	case Column::raw:
		return from_json(row.raw);
	default: // annotations, created_at, updated_at: only stored rows have them
		return {};
	}
}

void start_block(Block *block, std::size_t rows) {
	const std::size_t cells = rows * static_cast<std::size_t>(block->width);
	block->values = static_cast<Datum *>(palloc(sizeof(Datum) * (cells + 1)));
	block->nulls = static_cast<bool *>(palloc(cells + 1));
	std::memset(block->nulls, true, cells + 1);
	block->count = static_cast<int>(rows);
	block->next = 0;
}

/// Fills one column after another, so that what the connection alone decides is made once for all rows.
template <class At>
void fill(Block *block, const std::vector<Cell> &cells, const store::Connection &connection, At row_at) {
	for (const Cell &cell : cells) {
		const bool shared = is_of_connection(cell.column);
		const Value common = shared ? value_of(connection, cell.column) : Value{};
		Datum *value = block->values + cell.index;
		bool *is_null = block->nulls + cell.index;
		for (int i = 0; i < block->count; ++i, value += block->width, is_null += block->width) {
			const Value one = shared ? common : value_of(row_at(static_cast<std::size_t>(i)), cell.column);
			*value = one.datum;
			*is_null = one.is_null;
		}
	}
}

} // namespace

void build_accounts(Block *block, const std::vector<Cell> &cells, const store::Connection &connection,
                    std::span<const Account> rows, Timestamp read_at) {
	start_block(block, rows.size());
	fill(block, cells, connection, [&](std::size_t i) { return ReadAccount{rows[i], read_at}; });
}

void build_transactions(Block *block, const std::vector<Cell> &cells, const store::Connection &connection,
                        std::span<const Transaction> rows) {
	start_block(block, rows.size());
	fill(block, cells, connection, [&](std::size_t i) -> const Transaction & { return rows[i]; });
}

void build_connection(Datum *values, bool *nulls, int width, const std::vector<Cell> &cells,
                      const store::Connection &connection) {
	std::memset(nulls, true, static_cast<std::size_t>(width));
	for (const Cell &cell : cells) {
		const Value value = value_of(connection, cell.column);
		values[cell.index] = value.datum;
		nulls[cell.index] = value.is_null;
	}
}

} // namespace ob::pg::fdw
