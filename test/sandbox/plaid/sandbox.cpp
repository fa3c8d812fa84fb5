// Endpoints that only the sandbox has.
#include <algorithm>
#include <set>

#include "events.hpp"
#include "institutions.hpp"
#include "rows.hpp"
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
	item.breaks("ITEM_LOGIN_REQUIRED", call.world.clock.now());
	announce_error(call.state, item);
	ObjectText out;
	out.boolean("reset_login", true);
	return out;
}

// Plaid: an item without a webhook URL gives SANDBOX_WEBHOOK_INVALID.
ObjectText fire_webhook(Call &call) {
	Item &item = call.item();
	if (!item.webhook) {
		fail("SANDBOX_WEBHOOK_INVALID");
	}
	const std::string code = call.body.text_of("webhook_code");
	static const std::set<std::string> kTransactionCodes = {"DEFAULT_UPDATE", "SYNC_UPDATES_AVAILABLE",
	                                                        "RECURRING_TRANSACTIONS_UPDATE"};
	static const std::set<std::string> kAuthCodes = {"SMS_MICRODEPOSITS_VERIFICATION"};
	std::string type = kTransactionCodes.contains(code) ? "TRANSACTIONS"
	                   : kAuthCodes.contains(code)      ? "AUTH"
	                   : code == "PRODUCT_READY"        ? "ASSETS"
	                                                    : "ITEM";
	if (call.body.has("webhook_type")) {
		type = call.body.text_of("webhook_type");
	} else if (code == "ERROR") {
		type = "ASSETS"; // means the error of an asset report, not that of an item
	}
	if (!fire(call.state, item, type, code)) {
		fail("INVALID_FIELD", "webhook_code does not belong to webhook_type");
	}
	ObjectText out;
	out.boolean("webhook_fired", true);
	return out;
}

ObjectText set_verification_status(Call &call) {
	Item &item = call.item();
	const auto index = item.account_index(call.body.text_of("account_id"));
	if (!index) {
		fail("INVALID_ACCOUNT_ID");
	}
	item.accounts[*index].fields.set("verification_status", json_string(call.body.text_of("verification_status")));
	return {};
}

// Plaid: within the last 14 days, none in the future, posted not before transacted.
void check_custom_dates(const RawObject &given, Day today) {
	const Day transacted = *parse_date(given.text_of("date_transacted"));
	const Day posted = *parse_date(given.text_of("date_posted"));
	const Day oldest = today - std::chrono::days{14};
	if (transacted > today || posted > today || transacted < oldest || posted < oldest || posted < transacted) {
		fail("INVALID_FIELD", "date_transacted and date_posted must be within the last 14 days and in this order");
	}
}

// Plaid: only for items of user_transactions_dynamic; goes to the depository account; all webhooks fire.
ObjectText create_transactions(Call &call) {
	Item &item = call.healthy_item();
	if (item.username != "user_transactions_dynamic") {
		fail("INVALID_FIELD", "access_token must belong to an item of user_transactions_dynamic");
	}
	const auto account = std::find_if(item.accounts.begin(), item.accounts.end(), [](const Account &a) {
		return a.open() && a.fields.text_of("type") == "depository";
	});
	if (account == item.accounts.end()) {
		fail("INVALID_FIELD", "the item has no depository account");
	}
	const Day today = day_of(call.world.clock.now());
	const RawObject body = RawObject::parse(call.request.body).value_or(RawObject{});
	std::vector<RowValues> rows;
	for (const std::string &text : raw_elements(body.get("transactions").value_or("[]"))) {
		const RawObject given = RawObject::parse(text).value_or(RawObject{});
		check_custom_dates(given, today);
		RowValues row;
		row.id = call.world.ids.alphanumeric(37);
		row.account_id = account->id;
		row.amount = given.get("amount").value_or("0");
		row.currency = given.get("iso_currency_code") ? given.text_of("iso_currency_code") : "USD";
		row.date = *parse_date(given.text_of("date_posted"));
		row.authorized = parse_date(given.text_of("date_transacted"));
		row.name = given.text_of("description");
		row.merchant = 7;
		rows.push_back(std::move(row));
	}
	for (const RowValues &row : rows) {
		item.transactions.add(make_transaction(item, row), item.readiness != Readiness::not_ready);
	}
	announce_changes(call.state, item, rows.size(), {});
	return {};
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
	    {"/sandbox/item/fire_webhook",
	     fire_webhook,
	     {string_field("access_token").required(),
	      string_field("webhook_type")
	          .one_of(
	              {"AUTH", "HOLDINGS", "INVESTMENTS_TRANSACTIONS", "ITEM", "LIABILITIES", "TRANSACTIONS", "ASSETS"}),
	      string_field("webhook_code")
	          .required()
	          .one_of({"DEFAULT_UPDATE", "NEW_ACCOUNTS_AVAILABLE", "SMS_MICRODEPOSITS_VERIFICATION",
	                   "AUTHORIZATION_GRANTED", "USER_PERMISSION_REVOKED", "USER_ACCOUNT_REVOKED", "PENDING_DISCONNECT",
	                   "RECURRING_TRANSACTIONS_UPDATE", "LOGIN_REPAIRED", "SYNC_UPDATES_AVAILABLE", "PRODUCT_READY",
	                   "ERROR"})},
	     true},
	    {"/sandbox/item/set_verification_status",
	     set_verification_status,
	     {string_field("access_token").required(), string_field("account_id").required(),
	      string_field("verification_status").required().one_of({"automatically_verified", "verification_expired"})},
	     true},
	    {"/sandbox/transactions/create",
	     create_transactions,
	     {string_field("access_token").required(),
	      list_field("transactions",
	                 object_field("", {date_field("date_transacted").required(), date_field("date_posted").required(),
	                                   number_field("amount").required(), string_field("description").required(),
	                                   string_field("iso_currency_code")}))
	          .required()
	          .between(1, 10)},
	     true},
	};
}

} // namespace ob::sandbox::plaid
