#include "pg/store/audit.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "miscadmin.h"
}

#include "pg/guard.hpp"
#include "pg/store/sql.hpp"
#include "pg/store/user_ref.hpp"
#include "json/document.hpp"

namespace ob::pg::store {

namespace {

// ---- who acts ----

struct Actor {
	std::string login_role;
	std::string role; // with whose rights
	std::string user_ref;
	std::string client_addr;

	std::string to_json() const {
		json::Object object;
		object.set("login_role", login_role).set("actor", role).set_if("user_ref", user_ref);
		object.set_if("client_addr", client_addr);
		return std::string(object.dump());
	}
};

/// A session's address stays as it is.
const std::string &session_address() {
	static Statement select("SELECT host(inet_client_addr())");
	static const std::string address = select.read_fresh({}).rows.front().text(0);
	return address;
}

Actor this_session() {
	const char *login_role = guard([] { return GetUserNameFromId(GetSessionUserId(), false); });
	const char *role = guard(
	    [&] { return OidIsValid(GetCurrentRoleId()) ? GetUserNameFromId(GetCurrentRoleId(), false) : login_role; });
	return {login_role, role, current_user_ref(), session_address()};
}

Actor from_json(std::string_view json) {
	const auto document = json::Document::parse(json);
	const auto text = [&](std::string_view name) { return std::string(document.text(name)); };
	return {text("login_role"), text("actor"), text("user_ref"), text("client_addr")};
}

// ---- what it is about ----

struct Bank {
	std::string server;
	std::string user_ref;
};

/// As the line says, or its connection.
Bank bank_of(const AuditLine &line) {
	static Statement select("SELECT server, user_ref FROM ob.connections WHERE id = $1");
	Bank bank{std::string(line.server), std::string(line.user_ref)};
	if (!line.connection || (!bank.server.empty() && !bank.user_ref.empty()))
		return bank;
	const Result found = select.run({Param::integer(*line.connection)});
	if (found.rows.empty())
		return bank;
	if (bank.server.empty())
		bank.server = found.rows.front().text(0);
	if (bank.user_ref.empty())
		bank.user_ref = found.rows.front().text(1);
	return bank;
}

// Who is known already is found without the function that makes pseudonyms.
#define OB_PSEUDONYM(user)                                                                                             \
	"COALESCE((SELECT p.pseudonym FROM ob.audit_persons p WHERE p.user_ref = " user                                    \
	" ORDER BY p.pseudonym LIMIT 1), ob.pseudonym(" user "))"

} // namespace

void audit(const AuditLine &line) {
	static Statement record(
	    "INSERT INTO ob.audit_log (action, connection_id, server, actor, login_role, request_id, success, details, "
	    "person, acting_person) VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, " OB_PSEUDONYM("$9") ", " OB_PSEUDONYM(
	        "$10") ") RETURNING id");
	static Statement record_address("INSERT INTO ob.audit_addresses (audit_id, user_ip, client_addr) "
	                                "VALUES ($1, $2::inet, $3::inet)");
	const Actor actor = line.acting_json.empty() ? this_session() : from_json(line.acting_json);
	const Bank bank = bank_of(line);
	const Result recorded =
	    record.run({Param::text(line.action), line.connection ? Param::integer(*line.connection) : Param::null(INT8OID),
	                bank.server.empty() ? Param::null(NAMEOID) : Param::name(bank.server), Param::name(actor.role),
	                Param::name(actor.login_role), Param::text_or_null(line.request_id), Param::boolean(line.success),
	                Param::text_or_null(line.details_json), Param::text_or_null(bank.user_ref),
	                Param::text_or_null(actor.user_ref)});
	if (!line.user_ip.empty() || !actor.client_addr.empty())
		record_address.run({Param::integer(recorded.rows.front().integer(0)), Param::text_or_null(line.user_ip),
		                    Param::text_or_null(actor.client_addr)});
}

std::string acting() {
	return this_session().to_json();
}

} // namespace ob::pg::store
