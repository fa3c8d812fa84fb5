#include "pg/store/tokens.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "crypto/seal.hpp"
#include "pg/runtime.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

std::string place(std::string_view server, std::string_view subject, std::string_view kind) {
	return crypto::associated({"ob.tokens", "sealed", server, subject, kind});
}

constexpr std::string_view kAccessToken = "access_token";
constexpr std::string_view kRefreshToken = "refresh_token";

// An access token is renewed before its time is over, but not before half of it.
constexpr std::chrono::minutes kEarly{5};
// Providers let refresh tokens die that nobody uses (TrueLayer: after 30 days).
constexpr std::chrono::days kLongestRest{20};

struct Life {
	std::optional<Timestamp> expires_at;
	std::optional<Timestamp> renew_at;
};

Life life_of(std::string_view kind, std::optional<Timestamp> expires_at, bool renewable = true) {
	const Timestamp now = Runtime::get().clock().now();
	if (!expires_at)
		return {};
	if (kind == kAccessToken && !renewable)
		return {expires_at, expires_at};
	if (kind == kAccessToken)
		return {expires_at, *expires_at - std::min<std::chrono::microseconds>(kEarly, (*expires_at - now) / 2)};
	if (kind == kRefreshToken)
		return {std::nullopt, now + kLongestRest};
	return {};
}

void save(std::string_view server, std::string_view subject, const providers::Credentials &tokens,
          std::optional<Timestamp> expires_at, bool renewable) {
	static Statement upsert(
	    "INSERT INTO ob.tokens (server, subject, kind, sealed, expires_at, renew_at) VALUES ($1, $2, $3, $4, $5, $6) "
	    "ON CONFLICT (server, subject, kind) DO UPDATE SET sealed = EXCLUDED.sealed, "
	    "expires_at = EXCLUDED.expires_at, renew_at = EXCLUDED.renew_at, created_at = EXCLUDED.created_at");
	const crypto::KeyRing keys = load_keys();
	for (const auto &[kind, token] : tokens) {
		const std::string sealed = crypto::seal(keys, token.reveal(), place(server, subject, kind));
		const Life life = life_of(kind, expires_at, renewable);
		upsert.run({Param::name(server), Param::text(subject), Param::text(kind), Param::bytes(sealed),
		            Param::timestamp(life.expires_at), Param::timestamp(life.renew_at)});
	}
}

} // namespace

std::string token_subject(ConnectionId id) {
	return "connection:" + std::to_string(id);
}

void save_tokens(std::string_view server, std::string_view subject, const providers::Credentials &tokens,
                 std::optional<Timestamp> expires_at) {
	save(server, subject, tokens, expires_at, tokens.contains(kRefreshToken));
}

bool hold_tokens(std::string_view server, std::string_view subject, const providers::Credentials &tokens) {
	// Both, and in the order in which they are written.
	static Statement hold("SELECT kind, sealed FROM ob.tokens WHERE server = $1 AND subject = $2 ORDER BY kind "
	                      "FOR UPDATE");
	// What is renewed with names them; without it there is the access token only.
	const std::string_view telling = tokens.contains(kRefreshToken) ? kRefreshToken : kAccessToken;
	const auto sent = tokens.find(telling);
	for (const Row &row : hold.run({Param::name(server), Param::text(subject)}).rows) {
		if (row.text(0) != telling || sent == tokens.end())
			continue;
		const std::string what = std::string(telling) + " of " + std::string(subject);
		return unseal(load_keys(), row.text(1), place(server, subject, telling), what) == sent->second;
	}
	return false;
}

void save_renewed(std::string_view server, std::string_view subject, const providers::Renewed &renewed) {
	static Statement used("UPDATE ob.tokens SET renew_at = $4 WHERE server = $1 AND subject = $2 AND kind = $3");
	save(server, subject, renewed.credentials, renewed.expires_at, true);
	used.run({Param::name(server), Param::text(subject), Param::text(kRefreshToken),
	          Param::timestamp(life_of(kRefreshToken, renewed.expires_at).renew_at)});
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

AccessToken read_access_token(std::string_view server, std::string_view subject) {
	static Statement select("SELECT sealed, (extract(epoch from expires_at) * 1000000)::bigint, "
	                        "(extract(epoch from renew_at) * 1000000)::bigint FROM ob.tokens "
	                        "WHERE server = $1 AND subject = $2 AND kind = $3");
	const Result found = select.read_fresh({Param::name(server), Param::text(subject), Param::text(kAccessToken)});
	AccessToken access;
	if (found.rows.empty())
		return access;
	const Row &row = found.rows.front();
	access.token = unseal(row.text(0), place(server, subject, kAccessToken),
	                      "access_token of " + std::string(subject) + " (server " + std::string(server) + ")");
	access.expires_at = row.timestamp(1);
	access.renew_at = row.timestamp(2);
	return access;
}

std::vector<ConnectionId> expiring_tokens(const std::vector<std::string> &servers, Timestamp until, Timestamp now) {
	static Statement select(
	    "SELECT c.id FROM ob.connections c JOIN ob.tokens t ON t.server = c.server AND t.subject = 'connection:' || "
	    "c.id "
	    "WHERE c.server::text = ANY ($1) AND c.state IN ('active', 'error') AND EXISTS (SELECT FROM ob.tokens r "
	    "WHERE r.server = t.server AND r.subject = t.subject AND r.kind = 'refresh_token') AND (t.expires_at <= $2 "
	    "OR (t.expires_at IS NULL AND t.renew_at <= $3)) GROUP BY c.id "
	    "ORDER BY bool_or(t.expires_at IS NULL) DESC, min(t.expires_at), c.id");
	std::vector<ConnectionId> ids;
	for (const Row &row :
	     select.read_fresh({Param::text_array(servers), Param::timestamp(until), Param::timestamp(now)}).rows)
		ids.push_back(row.integer(0));
	return ids;
}

void erase_tokens(std::string_view server, std::string_view subject) {
	static Statement erase("DELETE FROM ob.tokens WHERE server = $1 AND subject = $2");
	erase.run({Param::name(server), Param::text(subject)});
}

} // namespace ob::pg::store
