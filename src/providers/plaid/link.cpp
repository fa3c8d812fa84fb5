// C++ regime.
#include "providers/plaid/link.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/time.hpp"
#include "providers/plaid/arguments.hpp"
#include "providers/plaid/client.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr std::string_view kTransactions = "transactions";
constexpr std::string_view kAccountSelection = "account_selection_enabled";

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N> &names) {
	return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::array<std::string_view, 4> kProductFields{
    "products", "optional_products", "required_if_supported_products", "additional_consented_products"};

// Options of ob.link that are ours, or another provider's: never passed through.
constexpr std::array<std::string_view, 3> kOurs{"mode", "days_requested", "account_selection"};
constexpr std::array<std::string_view, 3> kForeign{"resend", "email", "otp"};
// Set by us alone.
constexpr std::array<std::string_view, 4> kReserved{"client_id", "secret", "access_token", "access_tokens"};

// To be objects: we add to them.
constexpr std::array<std::string_view, 4> kObjects{"user", kTransactions, "hosted_link", "update"};

/// Every field of the caller's that is Plaid's. Null means "leave it out", also where the server has a default: Plaid
/// refuses nulls.
void pass_through(const json::Document &options, json::Object &body) {
	for (const auto &[name, value] : options.root().members()) {
		if (is_one_of(name, kForeign))
			bad_option(name, "is not known to provider plaid");
		if (is_one_of(name, kReserved))
			bad_option(name, "cannot be set here");
		if (is_one_of(name, kObjects) && value.exists() && !value.is_object())
			bad_option(name, "must be an object");
		if (!is_one_of(name, kOurs) && value.exists())
			body.set(name, value);
	}
}

json::Object user(const ServerConfig &server, const LinkRequest &request, json::Node callers) {
	const std::string id = std::string(server.option("user_ref_prefix")) + request.user_ref;
	if (id.find('@') != id.npos)
		throw Error(ErrorCode::invalid_argument, "the user reference looks like an e-mail address", {},
		            "Plaid refuses personal data there; use an internal id.");
	json::Object user;
	user.set("client_user_id", id);
	for (const auto &[name, value] : callers.members()) {
		if (name == "client_user_id")
			bad_option("user", "must not name a client_user_id: it is the user reference");
		if (value.exists())
			user.set(name, value);
	}
	return user;
}

/// Lists of products may be written as one text, "transactions,liabilities".
void split_products(const json::Document &options, json::Object &body) {
	for (const std::string_view field : kProductFields)
		if (options.get(field).is_text())
			body.set(field, words(options.text(field)));
}

/// `transactions` with days_requested, where the products name it.
void add_transactions(const ServerConfig &server, const json::Document &options, json::Object &body) {
	const bool wanted = std::any_of(kProductFields.begin(), kProductFields.end(), [&](std::string_view field) {
		return holds(body.root().get(field), kTransactions);
	});
	if (!wanted || (names(options, kTransactions) && !options.has(kTransactions)))
		return;
	json::Object transactions;
	for (const auto &[name, value] : options.get(kTransactions).members())
		transactions.set(name, value);
	if (options.has("days_requested") || !transactions.root().has("days_requested"))
		transactions.set("days_requested", days_requested(server, options.get("days_requested")));
	body.set(kTransactions, transactions);
}

/// What only a new item has.
void add_new_item(const ServerConfig &server, const json::Document &options, json::Object &body) {
	if (options.has("account_selection"))
		bad_option("account_selection", "is for a bank that is linked already",
		           "Link shows the accounts of a new bank by itself.");
	if (!names(options, "products"))
		body.set("products", words(server.option("products")));
	if (!names(options, "webhook"))
		body.set_if("webhook", server.option("webhook_url"));
	add_transactions(server, options, body);
}

/// What an item keeps for life, or has changed elsewhere.
void refuse_new_item_options(const json::Document &options) {
	if (options.has("products"))
		bad_option("products", "cannot be set for a bank that is linked already",
		           "Name what the user shall consent to besides in additional_consented_products.");
	for (const std::string_view name : {kTransactions, std::string_view("days_requested"), std::string_view("webhook")})
		if (options.has(name))
			bad_option(name, "has no effect on a bank that is linked already");
}

/// Update mode: the item of `request.credentials` is repaired or widened, and keeps its token.
void add_update_mode(const ServerConfig &server, const LinkRequest &request, const json::Document &options,
                     json::Object &body) {
	refuse_new_item_options(options);
	if (request.error_code == "ADDITIONAL_CONSENT_REQUIRED" && !names(options, "additional_consented_products"))
		body.set("additional_consented_products", words(server.option("products")));

	json::Object update;
	for (const auto &[name, value] : options.get("update").members())
		update.set(name, value);
	if (const json::Node selection = options.get("account_selection"); selection.exists()) {
		if (!selection.is_boolean())
			bad_option("account_selection", "must be true or false");
		update.set(kAccountSelection, selection);
	} else if (request.error_code == "NO_ACCOUNTS" && !names(options, "account_selection") &&
	           !update.root().has(kAccountSelection)) {
		// Without it a bank without OAuth would not ask for accounts again, and nothing would be repaired.
		update.set(kAccountSelection, true);
	}
	if (!update.empty())
		body.set("update", update);
}

void add_return_address(const ServerConfig &server, const json::Document &options, bool hosted, json::Object &body) {
	const std::string_view address = server.option("redirect_uri");
	if (!hosted) {
		// A bank's login comes back to the page that embeds Link.
		if (!names(options, "redirect_uri"))
			body.set_if("redirect_uri", address);
		return;
	}
	// The hosted page minds the bank's redirects itself; this is where it sends the user when all is done.
	json::Object page;
	for (const auto &[name, value] : options.get("hosted_link").members())
		page.set(name, value);
	if (!page.root().has("completion_redirect_uri"))
		page.set_if("completion_redirect_uri", address);
	body.set("hosted_link", page);
}

WipedString link_body(const ServerConfig &server, const LinkRequest &request) {
	if (request.mode != "hosted" && request.mode != "embedded")
		bad_option("mode", "must be hosted or embedded");
	const json::Document options = parse_object(request.options_json);
	const bool update_mode = !request.credentials.empty();
	json::Object body = update_mode ? body_with_token(request.credentials) : json::Object();
	if (!options.has("client_name"))
		body.set("client_name", server.required_option("client_name"));
	if (!options.has("language"))
		body.set("language", server.option("language"));
	if (!options.has("country_codes"))
		body.set("country_codes", words(server.option("country_codes")));
	pass_through(options, body);
	split_products(options, body);
	body.set("user", user(server, request, options.get("user")));
	if (update_mode)
		add_update_mode(server, request, options, body);
	else
		add_new_item(server, options, body);
	add_return_address(server, options, request.mode == "hosted", body);
	return body.dump();
}

} // namespace

Task<LinkOffer> start_link(Session session, LinkRequest request) {
	Call call;
	call.endpoint = "/link/token/create";
	call.body = link_body(*session.server, request);
	const bool hosted = request.mode == "hosted";
	const std::string endpoint = call.endpoint;
	// Repeated although it creates something: a spare link token does no harm.
	json::Document answer = co_await ask(std::move(session), std::move(call));
	LinkOffer offer;
	offer.action = hosted ? "redirect" : "sdk";
	offer.token = Secret(answer.text("link_token"));
	offer.url = Secret(answer.text("hosted_link_url"));
	offer.expires_at = time::parse_timestamp(answer.text("expiration"));
	if (offer.token.empty())
		bad_answer(endpoint, "link_token is missing", answer.text("request_id"));
	if (hosted && offer.url.empty())
		bad_answer(endpoint, "hosted_link_url is missing", answer.text("request_id"));
	co_return std::move(offer);
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
