#include "pg/store/duplicates.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

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
	return login;
}

} // namespace

std::optional<ConnectionId> find_duplicate(const BankLogin &login) {
	static Statement select(
	    "SELECT c.id FROM ob.connections c WHERE c.server = $1 AND c.user_ref = $2 AND c.institution_id = $3 "
	    "AND ($4 IS NULL OR c.id < $4) AND " OB_IS_LIVE " AND EXISTS (SELECT 1 FROM ob.accounts_all a "
	    "JOIN unnest($5, $6) AS w(name, mask) ON COALESCE(a.name, '') = w.name AND COALESCE(a.mask, '') = w.mask "
	    "WHERE a.connection_id = c.id AND a.removed_at IS NULL) ORDER BY c.id LIMIT 1");
	std::vector<std::string> names, masks;
	for (const providers::JourneyAccount &account : login.accounts) {
		if (account.name.empty() && account.mask.empty())
			continue; // like any other without them
		names.push_back(account.name);
		masks.push_back(account.mask);
	}
	if (login.institution_id.empty() || names.empty())
		return std::nullopt;
	const Result found =
	    select.read_fresh({Param::name(login.server), Param::text(login.user_ref), Param::text(login.institution_id),
	                       login.connection ? Param::integer(*login.connection) : Param::null(INT8OID),
	                       Param::text_array(names), Param::text_array(masks)});
	if (found.rows.empty())
		return std::nullopt;
	return found.rows.front().integer(0);
}

std::optional<ConnectionId> find_duplicate(ConnectionId id) {
	const std::optional<BankLogin> login = read_login(id);
	return login ? find_duplicate(*login) : std::nullopt;
}

bool has_connections(const std::string &server, const std::string &user_ref) {
	static Statement select("SELECT 1 FROM ob.connections c WHERE c.server = $1 AND c.user_ref = $2 AND " OB_IS_LIVE
	                        " LIMIT 1");
	return !select.read_fresh({Param::name(server), Param::text(user_ref)}).rows.empty();
}

} // namespace ob::pg::store
