// Link tokens: making them, and reading what became of them.
#include <algorithm>

#include "institutions.hpp"
#include "link_schema.hpp"
#include "link_session.hpp"

namespace ob::sandbox::plaid {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr hours kSessionKept{6};

std::vector<std::string> products_of(const Json &body, const char *field) {
	return body.get(field).texts();
}

void refuse_overlap(const Json &body, const char *one, const char *other) {
	const auto first = products_of(body, one);
	for (const std::string &product : products_of(body, other)) {
		if (std::find(first.begin(), first.end(), product) != first.end()) {
			fail("INVALID_FIELD", std::string(other) + " must not overlap with " + one + ": " + product);
		}
	}
}

// Plaid: at least one product for a new item, none in update mode; balance is never requested.
void check_products(const Json &body, bool update) {
	if (update) {
		if (!products_of(body, "products").empty()) {
			fail("INVALID_FIELD", "products must be left out in update mode");
		}
		return;
	}
	if (!body.has("products")) {
		fail("MISSING_FIELDS", "the following required fields are missing: products");
	}
	const auto products = products_of(body, "products");
	if (products.empty()) {
		fail("INVALID_FIELD", "products must contain at least one product");
	}
	if (std::find(products.begin(), products.end(), "balance") != products.end()) {
		fail("INVALID_PRODUCT", "balance is not requested as a product");
	}
	for (const char *field : {"required_if_supported_products", "optional_products", "additional_consented_products"}) {
		refuse_overlap(body, "products", field);
	}
	refuse_overlap(body, "required_if_supported_products", "optional_products");
	refuse_overlap(body, "required_if_supported_products", "additional_consented_products");
	refuse_overlap(body, "optional_products", "additional_consented_products");
}

bool is_e164(const std::string &phone) {
	return phone.size() >= 3 && phone.size() <= 16 && phone[0] == '+' && phone[1] != '0' &&
	       std::all_of(phone.begin() + 1, phone.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Plaid: either user or user_id; no personal data in client_user_id.
void check_user(const Json &body) {
	if (!body.has("user") && !body.has("user_id")) {
		fail("MISSING_FIELDS", "the following required fields are missing: user");
	}
	const Json user = body.get("user");
	if (user.text_of("client_user_id").find('@') != std::string::npos) {
		fail("INVALID_FIELD", "user.client_user_id must not be an e-mail address");
	}
	if (user.has("phone_number") && !is_e164(user.text_of("phone_number"))) {
		fail("INVALID_FIELD", "user.phone_number must be in E.164 format");
	}
}

// Plaid: no query string; https in production.
void check_redirect(const Json &body, const Config &config) {
	if (!body.has("redirect_uri")) {
		return;
	}
	const std::string uri = body.text_of("redirect_uri");
	if (!is_url(uri) || uri.find('?') != std::string::npos) {
		fail("INVALID_FIELD", "redirect_uri must be a URL without a query string");
	}
	if (config.environment == "production" && !uri.starts_with("https://")) {
		fail("INVALID_FIELD", "redirect_uri must be https in production");
	}
	if (!config.redirect_uris.empty() &&
	    std::find(config.redirect_uris.begin(), config.redirect_uris.end(), uri) == config.redirect_uris.end()) {
		fail("INVALID_FIELD", "redirect_uri is not among the allowed ones of this account");
	}
}

// Plaid: 4 hours for a new item, 30 minutes in update mode, the life of the page with Hosted Link.
seconds life_of(const Json &body, bool update) {
	if (!body.has("hosted_link")) {
		return update ? seconds{minutes{30}} : seconds{hours{4}};
	}
	const Json hosted = body.get("hosted_link");
	if (hosted.has("url_lifetime_seconds")) {
		return seconds{hosted.integer_of("url_lifetime_seconds")};
	}
	const std::string delivery = hosted.text_of("delivery_method");
	return delivery == "sms" ? seconds{hours{24}} : delivery == "email" ? seconds{days{7}} : seconds{minutes{30}};
}

std::optional<std::string> optional_text(const Json &body, const char *field) {
	return body.has(field) ? std::optional(body.text_of(field)) : std::nullopt;
}

void read_token(LinkToken &token, const Json &body) {
	token.client_name = body.text_of("client_name");
	token.language = body.text_of("language");
	token.country_codes = body.get("country_codes").texts();
	token.products = products_of(body, "products");
	token.further_products = products_of(body, "required_if_supported_products");
	for (const std::string &product : products_of(body, "optional_products")) {
		token.further_products.push_back(product);
	}
	token.consented_products = products_of(body, "additional_consented_products");
	token.webhook = optional_text(body, "webhook");
	token.redirect_uri = optional_text(body, "redirect_uri");
	if (body.has("account_filters")) {
		token.account_filters = body.get("account_filters").dump();
	}
	if (body.has("institution_data")) {
		token.institution_data = body.get("institution_data").dump();
	}
	token.days_requested = static_cast<int>(body.get("transactions").integer_of("days_requested", 90));
	token.account_selection = body.get("update").truth_of("account_selection_enabled");
	token.multi_item = body.truth_of("enable_multi_item_link");
	token.completion_redirect_uri = optional_text(body.get("hosted_link"), "completion_redirect_uri");
}

ObjectText create(Call &call) {
	const bool update = call.body.get("access_token").is_string();
	check_products(call.body, update);
	check_user(call.body);
	check_redirect(call.body, call.world.config);
	if (call.body.has("update") && !update) {
		fail("INVALID_FIELD", "update is for update mode only and needs an access_token");
	}
	LinkToken token;
	if (update) {
		token.update_item = call.item().number;
	}
	read_token(token, call.body);
	token.client_id = call.client_id;
	token.token = "link-" + call.world.config.environment + "-" + call.world.ids.uuid();
	token.created = call.world.clock.now();
	token.expires = token.created + life_of(call.body, update);

	ObjectText out;
	out.string("link_token", token.token).string("expiration", format_time(token.expires));
	if (call.body.has("hosted_link")) {
		token.hosted_id = call.world.ids.alphanumeric(24);
		out.string("hosted_link_url", call.request.base_url + "/plaid/hosted/" + token.hosted_id);
	}
	const std::string key = token.token;
	call.state.link_tokens.emplace(key, std::move(token));
	return out;
}

std::string institution_object(const std::optional<std::string> &id) {
	const Institution *institution = id ? find_institution(*id) : nullptr;
	if (institution == nullptr) {
		return "null";
	}
	return ObjectText{}.string("institution_id", institution->id).string("name", institution->name).end();
}

std::string link_accounts(const Item &item) {
	std::vector<std::string> accounts;
	for (const Account &account : item.accounts) {
		if (!account.open()) {
			continue;
		}
		ObjectText out;
		out.string("id", account.id);
		for (const char *field : {"name", "mask", "type", "subtype"}) {
			out.raw(field, account.fields.get(field).value_or("null"));
		}
		out.raw("verification_status", account.fields.get("verification_status").value_or("null"));
		accounts.push_back(out.end());
	}
	return json_array(accounts);
}

std::string results_object(State &state, const LinkSession &session) {
	std::vector<std::string> added;
	for (std::size_t n = 0; n < session.items.size(); ++n) {
		const Item &item = *state.ledger.find(session.items[n]);
		added.push_back(ObjectText{}
		                    .string("public_token", session.public_tokens[n])
		                    .raw("accounts", link_accounts(item))
		                    .raw("institution", institution_object(item.institution_id))
		                    .end());
	}
	ObjectText out;
	out.raw("item_add_results", json_array(added));
	for (const char *other :
	     {"cra_item_add_results", "cra_update_results", "bank_income_results", "payroll_income_results"}) {
		out.raw(other, "[]");
	}
	return out.null("document_income_results").end();
}

std::string session_object(State &state, const LinkSession &session) {
	ObjectText out;
	out.string("link_session_id", session.id).string("started_at", format_time(session.started, 9));
	// Plaid: fractions of up to nine digits occur here.
	out.nullable("finished_at", session.finished ? std::optional(format_time(*session.finished, 9)) : std::nullopt);
	if (!session.exited && !session.finished && session.items.empty()) {
		out.null("results").null("exit");
	} else if (session.exited) {
		ObjectText metadata;
		metadata.string("status", session.exit_status).string("link_session_id", session.id);
		metadata.string("request_id", state.world.ids.alphanumeric(15));
		metadata.raw("institution", institution_object(session.institution_id));
		ObjectText exit;
		exit.raw("error", session.exit_error ? error_object(*session.exit_error, std::nullopt) : "null");
		out.null("results").raw("exit", exit.raw("metadata", metadata.end()).end());
	} else {
		out.raw("results", results_object(state, session)).null("exit");
	}
	// Plaid: the events are not in the order of time.
	std::vector<std::string> events(session.events.rbegin(), session.events.rend());
	return out.raw("events", json_array(events)).end();
}

ObjectText get(Call &call) {
	const auto found = call.state.link_tokens.find(call.body.text_of("link_token"));
	if (found == call.state.link_tokens.end() || found->second.client_id != call.client_id) {
		fail("INVALID_LINK_TOKEN");
	}
	const LinkToken &token = found->second;
	std::vector<std::string> sessions;
	for (const LinkSession &session : token.sessions) {
		// Plaid: session data stay readable for six hours.
		if (!session.finished || call.world.clock.now() < *session.finished + kSessionKept) {
			sessions.push_back(session_object(call.state, session));
		}
	}
	ObjectText metadata;
	metadata.raw("initial_products", json_strings(token.products)).nullable("webhook", token.webhook);
	metadata.raw("country_codes", json_strings(token.country_codes)).string("language", token.language);
	if (token.institution_data) {
		metadata.raw("institution_data", *token.institution_data);
	}
	if (token.account_filters) {
		metadata.raw("account_filters", *token.account_filters);
	}
	metadata.nullable("redirect_uri", token.redirect_uri).string("client_name", token.client_name);
	ObjectText out;
	out.string("link_token", token.token).string("created_at", format_time(token.created));
	out.string("expiration", format_time(token.expires)).raw("link_sessions", json_array(sessions));
	out.raw("metadata", metadata.end());
	return out;
}

} // namespace

std::vector<Route> link_routes() {
	return {
	    {"/link/token/create", create, link_create_schema()},
	    {"/link/token/get", get, {string_field("link_token").required()}},
	};
}

} // namespace ob::sandbox::plaid
