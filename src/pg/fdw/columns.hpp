// The live tables' columns: one table of them drives import, the checks of hand-made foreign tables, and output. Plain
// data.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace ob::pg::fdw {

/// What a foreign table stands for.
enum class Object : std::uint8_t { accounts, transactions, balances };

enum class Column : std::uint8_t {
	// of the connection, known before any call
	server,
	provider,
	user_ref,
	institution_name,
	connection_state,
	connection_id,
	// of all
	account_id,
	type,
	status,
	currency,
	raw,
	annotations,
	updated_at,
	// of accounts and balances
	balance_current,
	balance_available,
	credit_limit,
	balance_at,
	// of accounts
	account_ref,
	name,
	official_name,
	provider_type,
	provider_subtype,
	mask,
	iban,
	sign_suspect,
	first_seen_at,
	// of transactions
	transaction_id,
	amount,
	date,
	authorized_date,
	booked_at,
	description,
	merchant_name,
	counterparty,
	category,
	category_detail,
	reference,
	running_balance,
	pending_transaction_id,
	created_at,
};

struct ColumnSpec {
	Column column;
	const char *name;
	Oid type;
	bool bytewise; // COLLATE "C"
};

/// The columns of the object's live table in their order: those of ob.accounts and ob.transactions are the views'.
std::span<const ColumnSpec> columns_of(Object object);
/// Null if there is none of that name.
const ColumnSpec *find_column(Object object, std::string_view name);

/// How SQL names the column's type, whatever the search_path.
const char *type_name(Oid type);

/// A column whose value a connection alone decides.
constexpr bool is_of_connection(Column column) {
	return column <= Column::connection_id;
}

/// Value of table option `object`, and the name under which it is imported.
const char *object_name(Object object);
const char *import_name(Object object);

inline constexpr Object kObjects[] = {Object::accounts, Object::transactions, Object::balances};

} // namespace ob::pg::fdw
