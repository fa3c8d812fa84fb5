// C++ regime.
#include "providers/truelayer/tokens.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "core/text.hpp"
#include "crypto/base64.hpp"
#include "http/url_text.hpp"
#include "providers/arguments.hpp"
#include "providers/once.hpp"
#include "providers/option_values.hpp"
#include "providers/truelayer/client.hpp"
#include "providers/truelayer/errors.hpp"
#include "providers/truelayer/link.hpp"
#include "providers/truelayer/times.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

constexpr const char *kAccess = "access_token";
constexpr const char *kRefresh = "refresh_token";

constexpr std::string_view kMeEndpoint = "/data/v1/me";

// How long an access token is good if the answer does not say.
constexpr std::int64_t kUsualLife = 3600;

Call token_call(std::string_view call_class, WipedString form) {
	Call call;
	call.host = Host::auth;
	call.proof = Proof::secret;
	call.method = "POST";
	call.path = call.endpoint = kTokenEndpoint;
	call.call_class = call_class;
	call.body = std::move(form);
	call.body_type = "application/x-www-form-urlencoded";
	return call;
}

constexpr Lost kExchangeLost{"whether truelayer exchanged the authorization code is unknown",
                             "A code is good once: link the bank again."};

/// A code is refused by the name that ended consents have; here it says nothing of any.
[[noreturn]] void refuse_code(const ProviderError &error) {
	if (error.reaction() != Reaction::reauth)
		throw ProviderError(error);
	throw ProviderError(ErrorCode::refused, Reaction::permanent, error.provider_code(),
	                    "truelayer refused the authorization code", error.detail(),
	                    "It is used up, older than 5 minutes or of another redirect_uri; start a new link.");
}

Task<json::Document> ask_exchange(Session session, Call call) {
	call.repeat = Repeat::never;
	Task<json::Document> asked = ask(std::move(session), {}, std::move(call));
	try {
		Task<json::Document> asked_once = ask_once(std::move(asked), kExchangeLost);
		co_return co_await asked_once;
	} catch (const ProviderError &error) {
		refuse_code(error);
	}
}

/// The connection object.
Task<json::Document> ask_me(Session session, Credentials credentials) {
	Call call;
	call.path = call.endpoint = kMeEndpoint;
	Task<json::Document> asked = ask(std::move(session), std::move(credentials), std::move(call));
	json::Document answer = co_await asked;
	if (answer.get("results").items().empty())
		bad_answer(kMeEndpoint, "results is missing");
	co_return std::move(answer);
}

json::Node connection_in(const json::Document &me) {
	return me.get("results").items().front();
}

/// False if the access token is refused.
Task<bool> end_connection(Session session, Credentials credentials) {
	constexpr int kForbidden = 403; // what is gone
	Call call;
	call.host = Host::auth;
	call.method = "DELETE";
	call.path = call.endpoint = "/api/delete";
	call.call_class = "auth";
	call.judged = {kForbidden};
	bool known = true;
	try {
		Task<http::Response> sent = send(std::move(session), std::move(credentials), std::move(call));
		co_await sent;
	} catch (const ProviderError &error) {
		if (error.reaction() != Reaction::reauth)
			throw;
		known = false;
	}
	co_return known;
}

std::vector<std::string> texts_of(json::Node list) {
	std::vector<std::string> texts;
	for (const json::Node item : list.items())
		texts.emplace_back(item.text());
	return texts;
}

ConnectionHealth read_health(const json::Node &me, const ServerConfig &server, Timestamp now) {
	const json::Node bank = me.get("provider");
	ConnectionHealth health;
	health.institution_id = bank.text("provider_id");
	health.institution_name = bank.text("display_name");
	health.scopes = texts_of(me.get("scopes"));
	health.consent_given_at = parse_time(me.text("consent_created_at"));
	if (!health.consent_given_at)
		health.consent_given_at = parse_time(me.text("consent_status_updated_at"));
	health.consent_expires_at = parse_time(me.text("consent_expires_at"));
	if (health.consent_expires_at && *health.consent_expires_at <= now) {
		health.standing_error = Reaction::reauth;
		health.error_hint = "Please reconnect your bank.";
		health.reauth_reason = "consent_expired";
	}
	// A guess only warns: it may be wrong, and would be the same after the next login.
	if (!health.consent_expires_at && health.consent_given_at)
		health.consent_expires_at =
		    *health.consent_given_at + std::chrono::days(parse_integer(server.option("consent_days")).value_or(90));
	return health;
}

/// What ob.adopt_connection is given. Errors name nothing of it but what we know: a token may stand in any place.
json::Document parse_credentials(std::string_view text) {
	constexpr std::array<std::string_view, 3> kKnown{kAccess, kRefresh, "credentials_id"};
	json::Document given = parse_object(text, "credentials");
	for (const auto &[name, value] : given.root().members()) {
		if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end())
			throw Error(ErrorCode::invalid_argument, "the credentials have an unknown member", {},
			            known_names_hint(name, kKnown));
		if (value.exists() && !value.is_text())
			throw Error(ErrorCode::invalid_argument, "the credentials' members must be texts");
	}
	if (given.text(kAccess).empty() || given.text(kRefresh).empty())
		throw Error(ErrorCode::invalid_argument, "the credentials lack an access_token or a refresh_token", {},
		            "The access token must still be good: renew it where it is used until now.");
	return given;
}

} // namespace

Task<Established> exchange(Session session, LinkGrant grant) {
	const ServerConfig &server = *session.server;
	check_client(server);
	WipedString form;
	http::append_parameter(form, "grant_type", "authorization_code");
	add_client(server, form);
	http::append_parameter(form, "redirect_uri", redirect_uri(server, parse_object(grant.options_json)));
	http::append_parameter(form, "code", grant.value.reveal());
	if (!grant.verifier.empty())
		http::append_parameter(form, "code_verifier", grant.verifier.reveal());
	Call call = token_call("exchange", std::move(form));
	Task<json::Document> asked = ask_exchange(session, std::move(call));
	const json::Document answer = co_await asked;
	if (answer.text(kAccess).empty())
		outcome_unknown(kExchangeLost, error_detail(kTokenEndpoint, 200, {}, {}));
	Renewed tokens = read_tokens(answer, session, kTokenEndpoint);
	Established established;
	established.request_id = tokens.request_id;
	established.expires_at = tokens.expires_at;
	for (const std::string_view scope : text::split(answer.text("scope"), ' '))
		established.scopes.emplace_back(scope);
	// The token itself names its connection, as a rule. Else connection_id() tells: nobody holds the tokens yet but we.
	established.provider_connection_id = claims_of(tokens.credentials.at(kAccess)).subject;
	established.credentials = std::move(tokens.credentials);
	co_return std::move(established);
}

Task<std::string> connection_id(Session session, Credentials credentials) {
	Task<json::Document> asked = ask_me(std::move(session), std::move(credentials));
	const json::Document me = co_await asked;
	std::string id(connection_in(me).text("credentials_id"));
	if (id.empty())
		bad_answer(kMeEndpoint, "credentials_id is missing");
	co_return std::move(id);
}

Task<Renewed> renew_tokens(Session session, Credentials credentials) {
	const ServerConfig &server = *session.server;
	check_client(server);
	// Lasting access was not granted: it ends with the access token.
	if (!credentials.contains(kRefresh))
		throw ProviderError(ErrorCode::reauth_required, Reaction::reauth, {}, "the connection has no refresh token",
		                    error_detail(kTokenEndpoint, 0, {}, {}), "Please reconnect your bank.", std::nullopt,
		                    "consent_expired");
	WipedString form;
	http::append_parameter(form, "grant_type", kRefresh);
	add_client(server, form);
	http::append_parameter(form, kRefresh, token_of(credentials, kRefresh).reveal());
	Call call = token_call("refresh", std::move(form));
	Task<json::Document> asked = ask(session, {}, std::move(call));
	const json::Document answer = co_await asked;
	co_return read_tokens(answer, session, kTokenEndpoint);
}

Task<void> remove(Session session, Credentials credentials) {
	Task<bool> ending = end_connection(session, credentials);
	if (co_await ending)
		co_return;
	// An access token is refused when its hour is over as well. Who has a keeper has tried another one by now.
	if (session.tokens || !credentials.contains(kRefresh))
		co_return;
	try {
		Task<Renewed> renewing = renew_tokens(session, credentials);
		Renewed renewed = co_await renewing;
		credentials = std::move(renewed.credentials);
	} catch (const ProviderError &error) {
		if (error.reaction() != Reaction::reauth) // else there is nothing left to end
			throw;
		co_return;
	}
	Task<bool> again = end_connection(std::move(session), std::move(credentials));
	co_await again;
}

Task<Adopted> adopt(Session session, std::string credentials_json) {
	const json::Document given = parse_credentials(credentials_json);
	Adopted adopted;
	Established &established = adopted.established;
	for (const char *kind : {kAccess, kRefresh})
		established.credentials.emplace(kind, Secret(given.text(kind)));
	CallStats *stats = session.stats;
	const Timestamp now = session.clock->now();
	Task<json::Document> asked = ask_me(std::move(session), established.credentials);
	const json::Document me = co_await asked;
	const std::string_view id = connection_in(me).text("credentials_id");
	if (id.empty())
		bad_answer(kMeEndpoint, "credentials_id is missing");
	if (given.has("credentials_id") && given.text("credentials_id") != id)
		throw Error(ErrorCode::invalid_argument, "the access token belongs to another credentials_id",
		            error_detail(kMeEndpoint, 200, {}, {}));
	established.provider_connection_id = id;
	established.scopes = texts_of(connection_in(me).get("scopes"));
	// Of an unknown life it is renewed before it is used.
	established.expires_at = claims_of(established.credentials.at(kAccess)).expires_at.value_or(now);
	if (stats)
		established.request_id = stats->last_request_id;
	co_return std::move(adopted);
}

Task<ConnectionHealth> health(Session session, Credentials credentials) {
	const std::shared_ptr<const ServerConfig> server = session.server;
	const Timestamp now = session.clock->now();
	Task<json::Document> asked = ask_me(std::move(session), std::move(credentials));
	const json::Document me = co_await asked;
	co_return read_health(connection_in(me), *server, now);
}

Renewed read_tokens(const json::Document &answer, const Session &session, std::string_view endpoint) {
	Renewed renewed;
	if (answer.text(kAccess).empty())
		bad_answer(endpoint, "access_token is missing");
	for (const char *kind : {kAccess, kRefresh})
		if (!answer.text(kind).empty())
			renewed.credentials.emplace(kind, Secret(answer.text(kind)));
	const std::int64_t life =
	    std::clamp<std::int64_t>(answer.integer("expires_in").value_or(kUsualLife), 0, kUsualLife);
	renewed.expires_at = session.clock->now() + std::chrono::seconds(life);
	if (session.stats)
		renewed.request_id = session.stats->last_request_id;
	return renewed;
}

TokenClaims claims_of(const Secret &access_token) {
	TokenClaims claims;
	const std::string_view token = access_token.reveal();
	const std::size_t first = token.find('.');
	const std::size_t second = first == token.npos ? first : token.find('.', first + 1);
	if (second == token.npos)
		return claims;
	const auto payload = crypto::base64url_decode(token.substr(first + 1, second - first - 1));
	if (!payload)
		return claims;
	try {
		const json::Document document = json::Document::parse(*payload);
		claims.subject = document.text("sub");
		if (const auto end = document.integer("exp"))
			claims.expires_at = Timestamp(std::chrono::seconds(*end));
	} catch (const Error &) {
		// No JWT after all.
	}
	return claims;
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
