#include "state.hpp"

#include <algorithm>

#include "mock_users.hpp"

namespace ob::sandbox::truelayer {

namespace {

constexpr std::string_view kSandboxClient = "sandbox-";
constexpr std::size_t kSignatureBytes = 256; // of RS256 with a usual key

std::int64_t unix_seconds(Time time) {
	return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::string random_bytes(World &world, std::size_t count) {
	std::string out;
	for (std::size_t n = 0; n < count; ++n) {
		out.push_back(static_cast<char>(world.ids.number(256)));
	}
	return out;
}

// Like the real ones: 64 hex digits in upper case.
std::string new_refresh_token(World &world) {
	std::string out = hex(random_bytes(world, 32));
	std::transform(out.begin(), out.end(), out.begin(),
	               [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
	return out;
}

} // namespace

bool Connection::has_scope(std::string_view scope) const {
	return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

Bank *State::find_bank(std::string_view id) {
	const auto found = std::find_if(banks.begin(), banks.end(), [id](const Bank &bank) { return bank.id == id; });
	return found == banks.end() ? nullptr : &*found;
}

const Bank &State::bank_of(const Item &item) {
	return *find_bank(item.institution_id);
}

bool State::knows_client(std::string_view client_id, const std::string *secret) const {
	// TrueLayer: ids of the sandbox begin with sandbox-, and each environment knows its own only.
	if (client_id.starts_with(kSandboxClient) != (world.config.environment == "sandbox")) {
		return false;
	}
	return std::any_of(world.clients.begin(), world.clients.end(), [&](const Client &client) {
		return client.client_id == client_id && (secret == nullptr || client.secret == *secret);
	});
}

bool State::allows_redirect(const std::string &uri) const {
	const auto &allowed = world.config.redirect_uris;
	// TrueLayer: https in production.
	const bool safe = world.config.environment == "sandbox" || uri.starts_with("https://");
	return is_url(uri) && safe && (allowed.empty() || std::find(allowed.begin(), allowed.end(), uri) != allowed.end());
}

Connection &State::make_connection(const std::string &client_id, const Bank &bank, const std::string &username,
                                   const std::string &password, const std::vector<std::string> &scopes,
                                   std::string id) {
	Item draft;
	draft.number = ledger.next_number();
	draft.username = username;
	draft.institution_id = bank.id;
	Connection connection;
	fill_item(draft, connection, world, bank, password); // throws before anything is in the ledger
	Item &item = *ledger.create(id.empty() ? base64(random_bytes(world, 32)) : std::move(id));
	item.client_id = client_id;
	item.institution_id = bank.id;
	item.username = username;
	item.created = world.clock.now();
	item.accounts = std::move(draft.accounts);
	item.transactions = std::move(draft.transactions);
	connection.item = &item;
	connection.consent_id = world.ids.uuid();
	for (const std::string &scope : scopes) {
		if (std::find(bank.scopes.begin(), bank.scopes.end(), scope) != bank.scopes.end()) {
			connection.scopes.push_back(scope);
		}
	}
	connection.consent_created = world.clock.now();
	Connection &kept = connections[item.number] = std::move(connection);
	renew(kept);
	return kept;
}

void State::renew(Connection &connection) {
	const Time now = world.clock.now();
	connection.authenticated = connection.consent_updated = connection.refresh_used = now;
	connection.consent_expires = now + std::chrono::days{settings.consent_days};
	connection.refreshed_since = connection.revoked = false;
	connection.unattended.clear(); // the quota is one of the consent
}

std::string State::make_code(const Connection &connection, const std::string &redirect_uri,
                             const std::string &challenge) {
	std::string code = hex(random_bytes(world, 32));
	codes[code] = {connection.item->number, redirect_uri, challenge,
	               world.clock.now() + std::chrono::seconds{settings.code_seconds}, false};
	return code;
}

const std::string &State::make_access_token(Connection &connection) {
	const Item &item = *connection.item;
	const Time now = world.clock.now();
	connection.access_expires = now + std::chrono::seconds{bank_of(item).token_seconds};
	const std::string header =
	    ObjectText{}.string("alg", "RS256").string("kid", "auth-key").string("typ", "at+jwt").end();
	const std::string claims = ObjectText{}
	                               .string("iss", world.base_url + "/truelayer/auth")
	                               .number("nbf", unix_seconds(now))
	                               .number("iat", unix_seconds(now))
	                               .number("exp", unix_seconds(connection.access_expires))
	                               .string("aud", "data_api")
	                               .raw("scope", json_strings(connection.scopes))
	                               .string("client_id", item.client_id)
	                               .string("sub", item.id)
	                               .string("connector_id", item.institution_id)
	                               .string("consent_id", connection.consent_id)
	                               .end();
	// Clients take the token as it is; nobody has the key that would check its signature.
	access_tokens.erase(connection.access_token);
	connection.access_token =
	    base64_url(header) + "." + base64_url(claims) + "." + base64_url(random_bytes(world, kSignatureBytes));
	access_tokens[connection.access_token] = item.number;
	return connection.access_token;
}

void State::set_refresh_token(Connection &connection, std::string token) {
	connection.refresh_token = token.empty() ? new_refresh_token(world) : std::move(token);
	refresh_tokens[connection.refresh_token] = connection.item->number;
}

std::string State::turn_refresh_token(Connection &connection) {
	if (settings.refresh_tokens == "omit") {
		return {};
	}
	if (settings.refresh_tokens == "rotate") {
		refresh_tokens.erase(connection.refresh_token);
	}
	if (settings.refresh_tokens != "stable") {
		set_refresh_token(connection);
	}
	return connection.refresh_token;
}

void State::forget_tokens(Connection &connection) {
	const std::uint64_t number = connection.item->number;
	const auto is_its = [number](const auto &entry) { return entry.second == number; };
	std::erase_if(access_tokens, is_its);
	std::erase_if(refresh_tokens, is_its);
	std::erase_if(codes, [number](const auto &entry) { return entry.second.connection == number; });
	connection.access_token.clear();
	connection.refresh_token.clear();
}

ObjectText State::token_answer(Connection &connection, const std::string &refresh_token) {
	ObjectText out;
	out.string("access_token", make_access_token(connection));
	out.number("expires_in", bank_of(*connection.item).token_seconds).string("token_type", "Bearer");
	if (!refresh_token.empty()) {
		out.string("refresh_token", refresh_token);
	}
	return out;
}

Connection *State::find_by_refresh_token(const std::string &token) {
	const auto found = refresh_tokens.find(token);
	return found == refresh_tokens.end() ? nullptr : &connections.at(found->second);
}

Item *State::find_by_access_token(const std::string &token) {
	const auto found = access_tokens.find(token);
	return found == access_tokens.end() ? nullptr : ledger.find(found->second);
}

Connection &State::authorized(const Request &request) {
	static constexpr std::string_view kScheme = "Bearer ";
	const std::string_view header = request.header("Authorization");
	const auto found = header.starts_with(kScheme) ? access_tokens.find(std::string(header.substr(kScheme.size())))
	                                               : access_tokens.end();
	if (found == access_tokens.end()) {
		fail("unauthorized", "", "Invalid token");
	}
	Connection &connection = connections.at(found->second);
	if (world.clock.now() >= connection.access_expires) {
		fail("invalid_token", "The token expired at '" + format_time(connection.access_expires) + "'.");
	}
	return connection;
}

void State::clear() {
	settings = Settings{};
	ledger.clear();
	banks = known_banks();
	connections.clear();
	access_tokens.clear();
	refresh_tokens.clear();
	codes.clear();
	sessions.clear();
	tasks.clear();
	debug_ids.clear();
	keys.clear();
}

Json read_body(const Request &request, const Schema &schema, bool form_too) {
	std::string type(request.header("Content-Type"));
	type.resize(std::min(type.find(';'), type.size()));
	while (type.ends_with(' ')) {
		type.pop_back();
	}
	std::string text = request.body;
	if (form_too && equal_fold(type, "application/x-www-form-urlencoded")) {
		ObjectText fields;
		for (const auto &[key, value] : parse_form(request.body)) {
			fields.string(key, value);
		}
		text = fields.end(); // a field sent twice makes it unreadable
	} else if (!equal_fold(type, "application/json")) {
		fail("invalid_request", "The Content-Type is not one that is understood here.");
	}
	Json body = Json::parse(text);
	if (!body.is_object()) {
		fail("invalid_request", "The body cannot be read.");
	}
	if (const auto problem = problem_of(body, schema)) {
		fail("invalid_request", problem->fields + " " + problem->what);
	}
	return body;
}

std::vector<std::string> words_of(std::string_view text) {
	std::vector<std::string> out;
	while (!text.empty()) {
		const std::size_t end = std::min(text.find(' '), text.size());
		if (end != 0) {
			out.emplace_back(text.substr(0, end));
		}
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return out;
}

std::string joined(const std::vector<std::string> &words) {
	std::string out;
	for (const std::string &word : words) {
		out.append(out.empty() ? "" : " ").append(word);
	}
	return out;
}

} // namespace ob::sandbox::truelayer
