#include "pg/store/tokens.hpp"

#include "crypto/seal.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

std::string place(std::string_view server, std::string_view subject, std::string_view kind) {
	return crypto::associated({"ob.tokens", "sealed", server, subject, kind});
}

} // namespace

std::string token_subject(ConnectionId id) {
	return "connection:" + std::to_string(id);
}

void save_tokens(std::string_view server, std::string_view subject, const providers::Credentials &tokens) {
	static Statement upsert("INSERT INTO ob.tokens (server, subject, kind, sealed) VALUES ($1, $2, $3, $4) "
	                        "ON CONFLICT (server, subject, kind) DO UPDATE SET sealed = EXCLUDED.sealed");
	const crypto::KeyRing keys = load_keys();
	for (const auto &[kind, token] : tokens) {
		const std::string sealed = crypto::seal(keys, token.reveal(), place(server, subject, kind));
		upsert.run({Param::name(server), Param::text(subject), Param::text(kind), Param::bytes(sealed)});
	}
}

providers::Credentials read_tokens(std::string_view server, std::string_view subject) {
	static Statement select("SELECT kind, sealed FROM ob.tokens WHERE server = $1 AND subject = $2");
	const Result found = select.read_fresh({Param::name(server), Param::text(subject)});
	providers::Credentials tokens;
	for (const Row &row : found.rows) {
		const std::string what = row.text(0) + " of " + std::string(subject) + " (server " + std::string(server) + ")";
		tokens.emplace(row.text(0), unseal(row.text(1), place(server, subject, row.text(0)), what));
	}
	return tokens;
}

void erase_tokens(std::string_view server, std::string_view subject) {
	static Statement erase("DELETE FROM ob.tokens WHERE server = $1 AND subject = $2");
	erase.run({Param::name(server), Param::text(subject)});
}

} // namespace ob::pg::store
