// Item endpoints: exchange, get, remove, webhook update, token rotation.
#include <algorithm>

#include "events.hpp"
#include "institutions.hpp"
#include "state.hpp"

namespace ob::sandbox::plaid {

namespace {

// Plaid: a public token of another environment or client, an expired or a used one gives INVALID_PUBLIC_TOKEN.
ObjectText exchange(Call &call) {
	const auto found = call.state.public_tokens.find(call.body.text_of("public_token"));
	if (found == call.state.public_tokens.end() || found->second.client_id != call.client_id ||
	    !call.state.is_of_environment("public", found->first)) {
		fail("INVALID_PUBLIC_TOKEN");
	}
	PublicToken &token = found->second;
	if (token.used) {
		fail("INVALID_PUBLIC_TOKEN", "the public token has already been exchanged");
	}
	if (call.world.clock.now() >= token.expires) {
		fail("INVALID_PUBLIC_TOKEN", "the public token has expired");
	}
	token.used = true;
	Item &item = *call.state.ledger.find(token.item);
	ObjectText out;
	out.string("access_token", call.state.make_access_token(item)).string("item_id", item.id);
	return out;
}

std::string nullable_time(const std::optional<Time> &time, int digits = 0) {
	return time ? json_string(format_time(*time, digits)) : "null";
}

// Plaid: works on a broken item; the standing error is inside.
ObjectText get_item(Call &call) {
	const Item &item = call.item();
	ObjectText status;
	status.null("investments");
	if (item.has_product("transactions")) {
		status.raw("transactions", ObjectText{}
		                               .raw("last_successful_update", nullable_time(item.last_successful_update, 3))
		                               .raw("last_failed_update", nullable_time(item.last_failed_update, 3))
		                               .end());
	} else {
		status.null("transactions");
	}
	if (item.last_webhook_at) {
		status.raw("last_webhook", ObjectText{}
		                               .raw("sent_at", nullable_time(item.last_webhook_at))
		                               .string("code_sent", item.last_webhook_code)
		                               .end());
	} else {
		status.null("last_webhook");
	}
	ObjectText out;
	out.raw("item", item_object(item, true)).raw("status", status.end());
	return out;
}

// Plaid: kills the access token; a second call answers ITEM_NOT_FOUND.
ObjectText remove_item(Call &call) {
	call.item().removed = true;
	return {};
}

ObjectText update_webhook(Call &call) {
	Item &item = call.item();
	if (call.body.has("webhook")) {
		const Json webhook = call.body.get("webhook");
		item.webhook = webhook.is_null() ? std::nullopt : std::optional(webhook.text());
	}
	announce_webhook_update(call.state, item);
	ObjectText out;
	out.raw("item", item_object(item, false));
	return out;
}

// Plaid: the old token is dead at once.
ObjectText invalidate(Call &call) {
	ObjectText out;
	out.string("new_access_token", call.state.make_access_token(call.item()));
	return out;
}

} // namespace

std::vector<Route> item_routes() {
	return {
	    {"/item/public_token/exchange", exchange, {string_field("public_token").required()}},
	    {"/item/get", get_item, {string_field("access_token").required()}},
	    {"/item/remove",
	     remove_item,
	     {string_field("access_token").required(),
	      string_field("reason_code")
	          .nullable()
	          .one_of({"FRAUD_FIRST_PARTY", "FRAUD_FALSE_IDENTITY", "FRAUD_ABUSE", "FRAUD_OTHER",
	                   "CONNECTION_IS_NON_FUNCTIONAL", "OTHER"}),
	      string_field("reason_note").nullable().between(0, 512)}},
	    {"/item/webhook/update",
	     update_webhook,
	     {string_field("access_token").required(), url_field("webhook").nullable()}},
	    {"/item/access_token/invalidate", invalidate, {string_field("access_token").required()}},
	};
}

ApiError item_error(const Item &item) {
	ApiError error = make_error(item.error_code.value_or("INTERNAL_SERVER_ERROR"));
	error.reason = item.error_reason;
	return error;
}

std::string item_object(const Item &item, bool with_consent) {
	std::vector<std::string> available;
	for (const char *product : {"balance", "auth", "identity", "transactions"}) {
		if (!item.has_product(product)) {
			available.emplace_back(product);
		}
	}
	const Institution *institution = find_institution(item.institution_id);
	ObjectText out;
	out.raw("available_products", json_strings(available)).raw("billed_products", json_strings(item.products));
	out.raw("consent_expiration_time", nullable_time(item.consent_expires));
	out.raw("consented_products", json_strings(item.consented_products));
	out.raw("error", item.error_code ? error_object(item_error(item), std::nullopt) : "null");
	out.string("institution_id", item.institution_id);
	out.nullable("institution_name", institution ? std::optional(std::string(institution->name)) : std::nullopt);
	out.string("item_id", item.id).raw("products", json_strings(item.products)).string("update_type", "background");
	out.nullable("webhook", item.webhook).null("auth_method");
	if (with_consent) {
		out.string("created_at", format_time(item.created));
		out.raw("consented_use_cases", json_strings(std::vector<std::string>{"Track and manage your finances"}));
		out.raw("consented_data_scopes",
		        json_strings(std::vector<std::string>{"account_balance_info", "transactions"}));
	}
	return out.end();
}

} // namespace ob::sandbox::plaid
