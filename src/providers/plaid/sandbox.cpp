// C++ regime.
#include "providers/plaid/sandbox.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "providers/plaid/arguments.hpp"
#include "providers/plaid/client.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr std::string_view kDefaultInstitution = "ins_109508"; // First Platypus Bank, without OAuth

constexpr std::array<std::string_view, 6> kOptions{"institution_id", "products",       "username",
                                                   "password",       "days_requested", "webhook"};

void check_environment(const ServerConfig &server, const char *what) {
	if (server.option("environment") != "sandbox")
		throw Error(ErrorCode::not_allowed, "server \"" + server.name + "\" is not a sandbox", {},
		            "Only a server with environment 'sandbox' can " + std::string(what) + ".");
}

void check_options(const json::Document &options) {
	for (const auto &[name, value] : options.root().members())
		if (std::find(kOptions.begin(), kOptions.end(), name) == kOptions.end())
			bad_option(name, "is not known here", known_names_hint(name, kOptions));
}

WipedString grant_body(const ServerConfig &server, std::string_view options_json) {
	const json::Document given = parse_object(options_json);
	check_options(given);
	json::Object options;
	if (names(given, "webhook"))
		options.set_if("webhook", given.text("webhook"));
	else
		options.set_if("webhook", server.option("webhook_url"));
	options.set_if("override_username", given.text("username"));
	options.set_if("override_password", given.text("password"));

	json::Object body;
	body.set("institution_id", given.has("institution_id") ? given.text("institution_id") : kDefaultInstitution);
	if (given.get("products").is_array())
		body.set("initial_products", given.get("products"));
	else
		body.set("initial_products", words(given.has("products") ? given.text("products") : server.option("products")));
	if (holds(body.root().get("initial_products"), "transactions")) {
		json::Object transactions;
		transactions.set("days_requested", days_requested(server, given.get("days_requested")));
		options.set("transactions", transactions);
	}
	if (!options.empty())
		body.set("options", options);
	return body.dump();
}

// What can be fired, and as which type; without one Plaid chooses: DEFAULT_UPDATE exists for several.
struct WebhookRow {
	std::string_view code;
	std::string_view type;
};
constexpr std::array kWebhooks = std::to_array<WebhookRow>({
    {"SYNC_UPDATES_AVAILABLE", "TRANSACTIONS"},
    {"DEFAULT_UPDATE", ""},
    {"RECURRING_TRANSACTIONS_UPDATE", "TRANSACTIONS"},
    {"LOGIN_REPAIRED", "ITEM"},
    {"NEW_ACCOUNTS_AVAILABLE", "ITEM"},
    {"PENDING_DISCONNECT", "ITEM"},
    {"USER_ACCOUNT_REVOKED", "ITEM"},
    {"USER_PERMISSION_REVOKED", "ITEM"},
    {"SMS_MICRODEPOSITS_VERIFICATION", "AUTH"},
    {"PRODUCT_READY", "ASSETS"},
    {"ERROR", "ASSETS"},
});

const WebhookRow &find_webhook(std::string_view code) {
	const auto *row =
	    std::find_if(kWebhooks.begin(), kWebhooks.end(), [&](const WebhookRow &r) { return r.code == code; });
	if (row != kWebhooks.end())
		return *row;
	std::vector<std::string_view> codes;
	for (const WebhookRow &known : kWebhooks)
		codes.push_back(known.code);
	throw Error(ErrorCode::invalid_argument, "the sandbox cannot fire a webhook of this code", {},
	            known_names_hint(code, codes));
}

/// Makes a call that answers with `done` being true.
Task<void> expect_done(Session session, Call call, std::string_view done) {
	const std::string endpoint = call.endpoint;
	json::Document answer = co_await ask(std::move(session), std::move(call));
	if (answer.boolean(done) != true)
		bad_answer(endpoint, std::string(done) + " is not true", answer.text("request_id"));
}

} // namespace

Task<LinkGrant> sandbox_grant(Session session, std::string options_json) {
	check_environment(*session.server, "link without a person");
	Call call;
	call.endpoint = "/sandbox/public_token/create";
	call.body = grant_body(*session.server, options_json);
	const std::string endpoint = call.endpoint;
	json::Document answer = co_await ask(std::move(session), std::move(call));
	LinkGrant grant;
	grant.kind = "public_token";
	grant.value = Secret(answer.text("public_token"));
	if (grant.value.empty())
		bad_answer(endpoint, "public_token is missing", answer.text("request_id"));
	co_return std::move(grant);
}

Task<void> sandbox_fire_webhook(Session session, Credentials credentials, std::string code) {
	check_environment(*session.server, "fire webhooks");
	const WebhookRow &webhook = find_webhook(code);
	json::Object body = body_with_token(credentials);
	body.set("webhook_code", webhook.code).set_if("webhook_type", webhook.type);
	Call call;
	call.endpoint = "/sandbox/item/fire_webhook";
	call.body = body.dump();
	Task<void> fired = expect_done(std::move(session), std::move(call), "webhook_fired");
	co_await fired;
}

Task<void> sandbox_reset_login(Session session, Credentials credentials) {
	check_environment(*session.server, "reset logins");
	Call call;
	call.endpoint = "/sandbox/item/reset_login";
	call.body = body_with_token(credentials).dump();
	Task<void> reset = expect_done(std::move(session), std::move(call), "reset_login");
	co_await reset;
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
