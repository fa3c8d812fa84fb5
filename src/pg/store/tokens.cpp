#include "pg/store/tokens.hpp"

#include <optional>
#include <utility>

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
	TokensOrError tokens = std::move(read_tokens({{std::string(server), std::string(subject)}}).front());
	if (const Error *error = std::get_if<Error>(&tokens))
		throw *error;
	return std::get<providers::Credentials>(std::move(tokens));
}

std::vector<TokensOrError> read_tokens(const std::vector<TokenOwner> &owners) {
	static Statement select(
	    "SELECT o.place, t.kind, t.sealed FROM unnest($1::name[], $2) WITH ORDINALITY AS o (server, subject, place) "
	    "JOIN ob.tokens t ON t.server = o.server AND t.subject = o.subject");
	std::vector<std::string> servers;
	std::vector<std::string> subjects;
	for (const TokenOwner &owner : owners) {
		servers.push_back(owner.server);
		subjects.push_back(owner.subject);
	}
	std::vector<TokensOrError> tokens(owners.size());
	std::optional<crypto::KeyRing> keys;
	for (const Row &row : select.read_fresh({Param::text_array(servers), Param::text_array(subjects)}).rows) {
		const auto index = static_cast<std::size_t>(row.integer(0) - 1);
		const auto &[server, subject] = owners[index];
		auto *opened = std::get_if<providers::Credentials>(&tokens[index]);
		if (!opened)
			continue;
		if (!keys)
			keys = load_keys();
		try {
			const std::string what = row.text(1) + " of " + subject + " (server " + server + ")";
			opened->emplace(row.text(1), unseal(*keys, row.text(2), place(server, subject, row.text(1)), what));
		} catch (const Error &error) {
			tokens[index] = error;
		}
	}
	return tokens;
}

void erase_tokens(std::string_view server, std::string_view subject) {
	static Statement erase("DELETE FROM ob.tokens WHERE server = $1 AND subject = $2");
	erase.run({Param::name(server), Param::text(subject)});
}

} // namespace ob::pg::store
