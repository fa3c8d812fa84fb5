#include "pg/store/duplicates.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

#include "pg/store/account_numbers.hpp"
#include "pg/store/connection_state.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

#define OB_IS_LIVE OB_CONNECTION_STATE " NOT IN ('disconnected', 'revoked')"

std::optional<BankLogin> read_login(ConnectionId id) {
	static Statement connection("SELECT c.server, c.user_ref, c.institution_id FROM ob.connections c "
	                            "WHERE c.id = $1 AND " OB_IS_LIVE);
	static Statement accounts("SELECT name, mask FROM ob.accounts_all WHERE connection_id = $1 AND removed_at IS NULL");
	const Result found = connection.read_fresh({Param::integer(id)});
	if (found.rows.empty())
		return std::nullopt;
	BankLogin login;
	login.server = found.rows.front().text(0);
	login.user_ref = found.rows.front().text(1);
	login.institution_id = found.rows.front().text(2);
	login.connection = id;
	for (const Row &row : accounts.read_fresh({Param::integer(id)}).rows)
		login.accounts.push_back({row.text(0), row.text(1)});
	login.numbers = account_number_keys(id);
	return login;
}

struct NamesAndMasks {
	std::vector<std::string> names;
	std::vector<std::string> masks;
};

NamesAndMasks names_and_masks(const BankLogin &login) {
	NamesAndMasks both;
	for (const providers::JourneyAccount &account : login.accounts) {
		if (account.name.empty() && account.mask.empty())
			continue; // like any other without them
		both.names.push_back(account.name);
		both.masks.push_back(account.mask);
	}
	return both;
}

Param before(const BankLogin &login) {
	return login.connection ? Param::integer(*login.connection) : Param::null(INT8OID);
}

bool has_number_of(const BankLogin &login, ConnectionId id) {
	const std::vector<Secret> theirs = account_number_keys(id);
	return std::any_of(theirs.begin(), theirs.end(), [&](const Secret &number) {
		return std::find(login.numbers.begin(), login.numbers.end(), number) != login.numbers.end();
	});
}

std::optional<ConnectionId> find_by_numbers(const BankLogin &login) {
	static Statement select("SELECT c.id FROM ob.connections c WHERE c.server = $1 AND c.user_ref = $2 "
	                        "AND ($3 IS NULL OR c.id < $3) AND " OB_IS_LIVE " ORDER BY c.id");
	if (login.numbers.empty())
		return std::nullopt;
	const Result found = select.read_fresh({Param::name(login.server), Param::text(login.user_ref), before(login)});
	for (const Row &row : found.rows)
		if (has_number_of(login, row.integer(0)))
			return row.integer(0);
	return std::nullopt;
}

std::optional<ConnectionId> find_by_names(const BankLogin &login) {
	static Statement select(
	    "SELECT c.id FROM ob.connections c WHERE c.server = $1 AND c.user_ref = $2 AND c.institution_id = $3 "
	    "AND ($4 IS NULL OR c.id < $4) AND " OB_IS_LIVE " AND EXISTS (SELECT 1 FROM ob.accounts_all a "
	    "JOIN unnest($5, $6) AS w(name, mask) ON COALESCE(a.name, '') = w.name AND COALESCE(a.mask, '') = w.mask "
	    "WHERE a.connection_id = c.id AND a.removed_at IS NULL) ORDER BY c.id LIMIT 1");
	const auto [names, masks] = names_and_masks(login);
	if (login.institution_id.empty() || names.empty())
		return std::nullopt;
	const Result found =
	    select.read_fresh({Param::name(login.server), Param::text(login.user_ref), Param::text(login.institution_id),
	                       before(login), Param::text_array(names), Param::text_array(masks)});
	if (found.rows.empty())
		return std::nullopt;
	return found.rows.front().integer(0);
}

} // namespace

std::optional<ConnectionId> find_duplicate(const BankLogin &login) {
	const std::optional<ConnectionId> found = find_by_numbers(login);
	return found ? found : find_by_names(login);
}

std::optional<ConnectionId> find_duplicate(ConnectionId id) {
	const std::optional<BankLogin> login = read_login(id);
	return login ? find_duplicate(*login) : std::nullopt;
}

bool is_login_of(const BankLogin &login, ConnectionId id) {
	static Statement select(
	    "SELECT 1 FROM ob.connections c WHERE c.id = $1 AND c.server = $2 AND c.user_ref = $3 "
	    "AND ($7 OR c.institution_id = $4 AND EXISTS (SELECT 1 FROM ob.accounts_all a "
	    "JOIN unnest($5, $6) AS w(name, mask) ON COALESCE(a.name, '') = w.name AND COALESCE(a.mask, '') = w.mask "
	    "WHERE a.connection_id = c.id))");
	const auto [names, masks] = names_and_masks(login);
	return !select
	            .read_fresh({Param::integer(id), Param::name(login.server), Param::text(login.user_ref),
	                         Param::text_or_null(login.institution_id), Param::text_array(names),
	                         Param::text_array(masks), Param::boolean(has_number_of(login, id))})
	            .rows.empty();
}

bool has_connections(const std::string &server, const std::string &user_ref) {
	static Statement select("SELECT 1 FROM ob.connections c WHERE c.server = $1 AND c.user_ref = $2 AND " OB_IS_LIVE
	                        " LIMIT 1");
	return !select.read_fresh({Param::name(server), Param::text(user_ref)}).rows.empty();
}

} // namespace ob::pg::store
