// C++ regime.
#include "providers/truelayer/link.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/text.hpp"
#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "crypto/random.hpp"
#include "http/url_text.hpp"
#include "providers/arguments.hpp"
#include "providers/once.hpp"
#include "providers/option_values.hpp"
#include "providers/truelayer/client.hpp"
#include "providers/truelayer/errors.hpp"
#include "providers/truelayer/tokens.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

constexpr std::string_view kReauthEndpoint = "/v1/reauthuri";

// Options that are ours, or have a place of their own in the link.
constexpr std::array<std::string_view, 9> kPlaced{"mode",  "redirect_uri",  "providers", "provider_id",
                                                  "nonce", "response_mode", "extend",    "user_has_reconfirmed_consent",
                                                  "user"};
// What a login for a connection that is there can be told; "mode" is always hosted.
constexpr std::array<std::string_view, 4> kOfReauth{"mode", "redirect_uri", "response_mode", "extend"};
constexpr std::array<std::string_view, 6> kOfExtension{
    "mode", "redirect_uri", "response_mode", "extend", "user_has_reconfirmed_consent", "user"};
// Other providers'.
constexpr std::array<std::string_view, 6> kForeign{"products", "days_requested",   "resend", "email",
                                                   "otp",      "account_selection"};
constexpr std::array<std::string_view, 6> kReserved{"response_type", "client_id",      "client_secret",
                                                    "state",         "code_challenge", "code_challenge_method"};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N> &names) {
	return std::find(names.begin(), names.end(), name) != names.end();
}

void check_options(const LinkRequest &request, const json::Document &options) {
	if (request.mode != "hosted")
		bad_option("mode", "must be hosted: banks' pages cannot be embedded");
	for (const auto &[name, value] : options.root().members()) {
		if (is_one_of(name, kForeign))
			bad_option(name, "is not known to provider truelayer");
		if (is_one_of(name, kReserved))
			bad_option(name, "cannot be set here");
		if (name == "scope" || name == "scopes")
			bad_option(name, "cannot be set here", "Set the server's option scopes: syncs go by it.");
		const bool is_scalar = value.is_text() || value.is_boolean() || value.is_integer();
		if (value.exists() && name != "user" && !is_scalar)
			bad_option(name, "must be a text, a number or a boolean");
	}
}

/// An option that would go unheard is a mistake of the caller's.
void check_heard(const json::Document &options, std::span<const std::string_view> heard, std::string_view where) {
	for (const auto &[name, value] : options.root().members())
		if (value.exists() && std::find(heard.begin(), heard.end(), name) == heard.end())
			bad_option(name, "is not known where " + std::string(where), known_names_hint(name, heard));
}

/// For a request's body, which knows one way only; the other is the usual one.
void add_response_mode(const json::Document &options, json::Object &body) {
	const std::string_view mode = options.text("response_mode");
	if (options.has("response_mode") && mode != "form_post" && mode != "query")
		bad_option("response_mode", "must be form_post or query");
	if (mode == "form_post")
		body.set("response_mode", mode);
}

/// What a sync could do nothing without.
void check_scopes(std::string_view scopes) {
	const auto words = text::split(scopes, ' ');
	const auto has = [&](std::string_view scope) {
		return std::find(words.begin(), words.end(), scope) != words.end();
	};
	if (!has("offline_access"))
		throw Error(ErrorCode::not_configured, "the server's option scopes lacks offline_access", {},
		            "Without it the bank is linked for an hour only: there is nothing to renew the access with.");
	if (!has("accounts") && !has("cards"))
		throw Error(ErrorCode::not_configured, "the server's option scopes names neither accounts nor cards");
}

std::string text_of(json::Node value) {
	if (value.is_boolean())
		return *value.boolean() ? "true" : "false";
	if (const auto number = value.integer())
		return std::to_string(*number);
	return std::string(value.text());
}

/// The verifier stays with us; its digest travels (RFC 7636, S256).
struct Proofkey {
	Secret verifier = crypto::token_urlsafe();
	std::string challenge = crypto::base64url_encode(crypto::sha256(verifier.reveal()));
};

std::string_view default_providers(const ServerConfig &server) {
	if (const std::string_view set = server.option("providers"); !set.empty())
		return set;
	return server.option("environment") == "production" ? "uk-ob-all de-xs2a-all at-xs2a-all" : "mock";
}

LinkOffer offer_of(std::string_view url, Proofkey key) {
	LinkOffer offer;
	offer.action = "redirect";
	offer.url = Secret(url);
	offer.verifier = std::move(key.verifier);
	return offer;
}

/// Parameters stand in a fixed order, the caller's own behind them.
LinkOffer new_link(const ServerConfig &server, const LinkRequest &request, const json::Document &options) {
	Proofkey key;
	std::string query;
	const auto add = [&](std::string_view name, std::string_view value) {
		if (!value.empty())
			http::append_parameter(query, name, value);
	};
	add("response_type", "code");
	add("client_id", server.required_credential("client_id").reveal());
	add("redirect_uri", redirect_uri(server, options));
	add("scope", server.option("scopes"));
	add("providers", options.has("providers") ? options.text("providers") : default_providers(server));
	add("provider_id", options.text("provider_id"));
	add("state", request.link_id);
	if (options.has("nonce"))
		add("nonce", text_of(options.get("nonce")));
	else if (!names(options, "nonce") && parse_boolean(server.option("nonce")).value_or(true))
		add("nonce", crypto::token_urlsafe(16).reveal());
	add("response_mode", options.text("response_mode"));
	add("code_challenge", key.challenge);
	add("code_challenge_method", "S256");
	for (const auto &[name, value] : options.root().members())
		if (!is_one_of(name, kPlaced) && value.exists())
			add(name, text_of(value));
	return offer_of(auth_url(server) + "/?" + query, std::move(key));
}

/// Nothing if TrueLayer has no way back for this connection.
Task<std::optional<LinkOffer>> reauth_link(Session session, LinkRequest request) {
	const json::Document options = parse_object(request.options_json);
	Proofkey key;
	json::Object body;
	body.set("response_type", "code").set_secret("refresh_token", token_of(request.credentials, "refresh_token"));
	body.set("redirect_uri", redirect_uri(*session.server, options)).set_if("state", request.link_id);
	body.set("code_challenge", key.challenge).set("code_challenge_method", "S256");
	add_response_mode(options, body);
	Call call;
	call.host = Host::auth;
	call.proof = Proof::nothing;
	call.method = "POST";
	call.path = call.endpoint = kReauthEndpoint;
	call.call_class = "auth";
	call.body = body.dump();
	call.body_type = "application/json";
	std::optional<LinkOffer> offer;
	try {
		Task<json::Document> asked = ask(std::move(session), {}, std::move(call));
		const json::Document answer = co_await asked;
		if (answer.text("result").empty())
			bad_answer(kReauthEndpoint, "result is missing");
		offer = offer_of(answer.text("result"), std::move(key));
	} catch (const ProviderError &error) {
		if (error.reaction() != Reaction::permanent && error.reaction() != Reaction::reauth)
			throw;
	}
	co_return std::move(offer);
}

constexpr Lost kExtensionLost{"whether truelayer prolonged the consent is unknown",
                              "If it refuses the old tokens from now on, the new ones are lost: link the bank again."};

WipedString extend_body(const ServerConfig &server, const LinkRequest &request, const json::Document &options,
                        const Proofkey &key) {
	if (!options.boolean("user_has_reconfirmed_consent").value_or(false))
		bad_option("user_has_reconfirmed_consent", "must be true to extend a consent",
		           "Only the user can say so: ask first.");
	// Who has to say more than that there is a user is for TrueLayer to tell: regulated clients need not.
	const json::Node user = options.get("user");
	if (!user.is_object())
		bad_option("user", "must be an object: with the user's name, and email or phone, unless you are regulated");
	json::Object body;
	body.set("user_has_reconfirmed_consent", true);
	add_client(server, body);
	body.set_secret("refresh_token", token_of(request.credentials, "refresh_token"));
	body.set("redirect_uri", redirect_uri(server, options)).set("user", user);
	body.set_if("state", request.link_id).set("code_challenge", key.challenge);
	add_response_mode(options, body);
	return body.dump();
}

} // namespace

Task<LinkOffer> start_link(Session session, LinkRequest request) {
	const std::shared_ptr<const ServerConfig> server = session.server;
	const json::Document options = parse_object(request.options_json);
	check_client(*server);
	check_options(request, options);
	check_scopes(server->option("scopes"));
	for (const char *name : {"user", "user_has_reconfirmed_consent"})
		if (options.has(name))
			bad_option(name, "is for prolonging a consent", "Pass \"extend\": true to ob.relink, too.");
	if (request.credentials.contains("refresh_token")) {
		Task<std::optional<LinkOffer>> asked = reauth_link(session, request);
		if (std::optional<LinkOffer> offer = co_await asked) {
			check_heard(options, kOfReauth, "the user logs in to the same bank again");
			co_return std::move(*offer);
		}
	}
	co_return new_link(*server, request, options);
}

Task<Extension> extend(Session session, LinkRequest request) {
	const std::shared_ptr<const ServerConfig> server = session.server;
	const json::Document options = parse_object(request.options_json);
	check_client(*server);
	check_options(request, options);
	check_heard(options, kOfExtension, "a consent is prolonged");
	Proofkey key;
	Call call;
	call.proof = Proof::secret;
	call.repeat = Repeat::never;
	call.method = "POST";
	call.path = call.endpoint = server->option("extend_path");
	call.call_class = "auth";
	call.body = extend_body(*server, request, options, key);
	call.body_type = "application/json";
	const std::string endpoint = call.endpoint;
	Task<json::Document> asked = ask_once(ask(session, {}, std::move(call)), kExtensionLost);
	const json::Document answer = co_await asked;
	const std::string_view action =
	    answer.has("action_needed") ? answer.text("action_needed") : answer.text("action_type");
	Extension extension;
	if (action == "no_action_needed") {
		if (answer.text("access_token").empty() || answer.text("refresh_token").empty())
			outcome_unknown(kExtensionLost, error_detail(endpoint, 200, {}, {}));
		extension.renewed = read_tokens(answer, session, endpoint);
		extension.offer.action = "none";
	} else if (!answer.text("user_input_link").empty()) {
		extension.offer = offer_of(answer.text("user_input_link"), std::move(key));
	} else {
		outcome_unknown(kExtensionLost, error_detail(endpoint, 200, {}, {}));
	}
	co_return std::move(extension);
}

std::string redirect_uri(const ServerConfig &server, const json::Document &options) {
	return options.has("redirect_uri") ? std::string(options.text("redirect_uri"))
	                                   : std::string(server.required_option("redirect_uri"));
}

std::vector<LinkGrant> grants_from_response(std::string_view response_json) {
	const json::Document response = parse_object(response_json, "response");
	std::vector<LinkGrant> grants;
	if (!response.has("error") && !response.text("code").empty()) {
		LinkGrant &grant = grants.emplace_back();
		grant.kind = "code";
		grant.value = Secret(response.text("code"));
	}
	return grants;
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
