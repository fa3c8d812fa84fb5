// Endpoints that only the sandbox has.
#include "institutions.hpp"
#include "state.hpp"

namespace ob::sandbox::plaid {

namespace {

// Plaid: skips Link and hands out a public token for a test user's login.
ObjectText create_public_token(Call &call) {
	const Json options = call.options();
	const auto or_default = [&](const char *key, const char *otherwise) {
		const Json value = options.get(key);
		return value.is_string() ? value.text() : std::string(otherwise);
	};
	Login login;
	login.client_id = call.client_id;
	login.institution_id = call.body.text_of("institution_id");
	login.username = or_default("override_username", "user_good");
	login.password = or_default("override_password", "pass_good");
	login.days_requested = static_cast<int>(options.get("transactions").integer_of("days_requested", 90));
	login.products = call.body.get("initial_products").texts();
	if (options.has("webhook")) {
		login.webhook = options.text_of("webhook");
	}
	const Item &item = call.state.link_item(login);
	ObjectText out;
	out.string("public_token", call.state.make_public_token(item));
	return out;
}

// Plaid: the item goes to ITEM_LOGIN_REQUIRED.
ObjectText reset_login(Call &call) {
	Item &item = call.item();
	item.error_code = "ITEM_LOGIN_REQUIRED";
	item.error_reason.reset();
	item.last_failed_update = call.world.clock.now();
	ObjectText out;
	out.boolean("reset_login", true);
	return out;
}

} // namespace

std::vector<Route> sandbox_routes() {
	const Schema token_options = {
	    url_field("webhook"),
	    string_field("override_username").nullable(),
	    string_field("override_password").nullable(),
	    object_field("transactions", {date_field("start_date"), date_field("end_date"),
	                                  integer_field("days_requested").between(1, 730)})
	        .nullable(),
	    opaque_field("statements").nullable(),
	    opaque_field("income_verification"),
	};
	return {
	    {"/sandbox/public_token/create",
	     create_public_token,
	     {string_field("institution_id").required(), products_field("initial_products").required().between(1, 100),
	      object_field("options", token_options), string_field("user_token"), string_field("user_id")},
	     true},
	    {"/sandbox/item/reset_login", reset_login, {string_field("access_token").required()}, true},
	};
}

} // namespace ob::sandbox::plaid
