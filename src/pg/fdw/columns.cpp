// Plain data.
#include "pg/fdw/columns.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <array>

namespace ob::pg::fdw {

namespace {

using enum Column;

constexpr std::array kAccounts = std::to_array<ColumnSpec>({
    {server, "server", NAMEOID, false},
    {provider, "provider", TEXTOID, false},
    {user_ref, "user_ref", TEXTOID, true},
    {institution_name, "institution_name", TEXTOID, false},
    {connection_state, "connection_state", TEXTOID, false},
    {connection_id, "connection_id", INT8OID, false},
    {account_id, "account_id", TEXTOID, true},
    {account_ref, "account_ref", UUIDOID, false},
    {name, "name", TEXTOID, false},
    {official_name, "official_name", TEXTOID, false},
    {type, "type", TEXTOID, false},
    {provider_type, "provider_type", TEXTOID, false},
    {provider_subtype, "provider_subtype", TEXTOID, false},
    {mask, "mask", TEXTOID, false},
    {iban, "iban", TEXTOID, false},
    {currency, "currency", TEXTOID, false},
    {balance_current, "balance_current", NUMERICOID, false},
    {balance_available, "balance_available", NUMERICOID, false},
    {credit_limit, "credit_limit", NUMERICOID, false},
    {balance_at, "balance_at", TIMESTAMPTZOID, false},
    {sign_suspect, "sign_suspect", BOOLOID, false},
    {status, "status", TEXTOID, false},
    {raw, "raw", JSONBOID, false},
    {annotations, "annotations", JSONBOID, false},
    {first_seen_at, "first_seen_at", TIMESTAMPTZOID, false},
    {updated_at, "updated_at", TIMESTAMPTZOID, false},
});

constexpr std::array kTransactions = std::to_array<ColumnSpec>({
    {server, "server", NAMEOID, false},
    {provider, "provider", TEXTOID, false},
    {user_ref, "user_ref", TEXTOID, true},
    {institution_name, "institution_name", TEXTOID, false},
    {connection_state, "connection_state", TEXTOID, false},
    {connection_id, "connection_id", INT8OID, false},
    {account_id, "account_id", TEXTOID, true},
    {transaction_id, "transaction_id", TEXTOID, true},
    {status, "status", TEXTOID, false},
    {amount, "amount", NUMERICOID, false},
    {currency, "currency", TEXTOID, false},
    {date, "date", DATEOID, false},
    {authorized_date, "authorized_date", DATEOID, false},
    {booked_at, "booked_at", TIMESTAMPTZOID, false},
    {description, "description", TEXTOID, false},
    {merchant_name, "merchant_name", TEXTOID, false},
    {counterparty, "counterparty", TEXTOID, false},
    {category, "category", TEXTOID, false},
    {category_detail, "category_detail", TEXTOID, false},
    {type, "type", TEXTOID, false},
    {reference, "reference", TEXTOID, false},
    {running_balance, "running_balance", NUMERICOID, false},
    {pending_transaction_id, "pending_transaction_id", TEXTOID, true},
    {raw, "raw", JSONBOID, false},
    {annotations, "annotations", JSONBOID, false},
    {created_at, "created_at", TIMESTAMPTZOID, false},
    {updated_at, "updated_at", TIMESTAMPTZOID, false},
});

constexpr std::array kBalances = std::to_array<ColumnSpec>({
    {server, "server", NAMEOID, false},
    {provider, "provider", TEXTOID, false},
    {user_ref, "user_ref", TEXTOID, true},
    {institution_name, "institution_name", TEXTOID, false},
    {connection_state, "connection_state", TEXTOID, false},
    {connection_id, "connection_id", INT8OID, false},
    {account_id, "account_id", TEXTOID, true},
    {currency, "currency", TEXTOID, false},
    {balance_current, "current", NUMERICOID, false},
    {balance_available, "available", NUMERICOID, false},
    {credit_limit, "credit_limit", NUMERICOID, false},
    {balance_at, "as_of", TIMESTAMPTZOID, false},
    {raw, "raw", JSONBOID, false},
});

struct Names {
	const char *object;
	const char *import;
	std::span<const ColumnSpec> columns;
};

const Names &names_of(Object object) {
	static constexpr Names kAll[] = {
	    {"accounts", "ob_accounts", kAccounts},
	    {"transactions", "ob_transactions", kTransactions},
	    {"balances", "ob_balances", kBalances},
	};
	return kAll[static_cast<std::size_t>(object)];
}

} // namespace

std::span<const ColumnSpec> columns_of(Object object) {
	return names_of(object).columns;
}

const ColumnSpec *find_column(Object object, std::string_view column_name) {
	for (const ColumnSpec &spec : columns_of(object))
		if (column_name == spec.name)
			return &spec;
	return nullptr;
}

const char *type_name(Oid type_oid) {
	switch (type_oid) {
	case NAMEOID:
		return "pg_catalog.name";
	case INT8OID:
		return "pg_catalog.int8";
	case UUIDOID:
		return "pg_catalog.uuid";
	case NUMERICOID:
		return "pg_catalog.numeric";
	case TIMESTAMPTZOID:
		return "pg_catalog.timestamptz";
	case BOOLOID:
		return "pg_catalog.bool";
	case JSONBOID:
		return "pg_catalog.jsonb";
	case DATEOID:
		return "pg_catalog.date";
	default:
		return "pg_catalog.text";
	}
}

const char *object_name(Object object) {
	return names_of(object).object;
}

const char *import_name(Object object) {
	return names_of(object).import;
}

} // namespace ob::pg::fdw
