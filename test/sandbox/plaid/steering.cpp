#include "steering.hpp"

#include <algorithm>

#include "bulk_rows.hpp"
#include "events.hpp"
#include "rows.hpp"
#include "test_users.hpp"

namespace ob::sandbox::plaid {

namespace {

Readiness stage_of(const std::string &name) {
	if (name == "not_ready") {
		return Readiness::not_ready;
	}
	if (name == "initial") {
		return Readiness::initial;
	}
	if (name == "historical") {
		return Readiness::historical;
	}
	throw ControlError{"stage must be not_ready, initial or historical"};
}

// Applies what both creating and setting an item know.
void set_item(State &state, Item &item, const Command &command) {
	const Json &body = command.body;
	if (body.has("webhook")) {
		item.webhook = body.get("webhook").is_null() ? std::nullopt : std::optional(body.text_of("webhook"));
	}
	if (body.has("products")) {
		item.products = item.consented_products = body.get("products").texts();
	}
	if (body.has("consented_products")) {
		item.consented_products = body.get("consented_products").texts();
	}
	if (body.has("institution_id")) {
		item.institution_id = body.text_of("institution_id");
	}
	if (body.has("stage")) {
		item.initial_at.reset();
		item.historical_at.reset();
		state.reach(item, stage_of(body.text_of("stage")));
	}
	if (body.has("status_text")) {
		item.status_text =
		    body.get("status_text").is_null() ? std::nullopt : std::optional(body.text_of("status_text"));
	}
	if (body.has("error")) {
		const bool repaired = item.error_code && body.get("error").is_null();
		item.heals();
		if (!body.get("error").is_null()) {
			item.breaks(body.text_of("error"), state.world.clock.now());
		}
		if (body.truth_of("announce", true)) {
			if (repaired) {
				announce_repair(state, item, true);
			}
			announce_error(state, item);
		}
	}
	item.error_blocks = body.truth_of("error_blocks", item.error_blocks);
	if (body.has("error_reason")) {
		item.error_reason = body.text_of("error_reason");
	}
	if (body.has("consent_expiration_time")) {
		item.consent_expires = command.time("consent_expiration_time");
		item.expiry_announced = false;
	}
	if (body.has("last_successful_update")) {
		item.last_successful_update = command.time("last_successful_update");
	}
	if (body.has("last_failed_update")) {
		item.last_failed_update = command.time("last_failed_update");
	}
	item.login_expires = body.truth_of("login_expires", item.login_expires);
	item.removed = body.truth_of("removed", item.removed);
}

// A token to be exchanged that belongs to no link, or the access token at once.
std::string hand_out(State &state, Item &item, const Command &command) {
	std::vector<std::string> accounts;
	for (const Account &account : item.accounts) {
		accounts.push_back(account.id);
	}
	ObjectText out;
	out.string("item_id", item.id);
	if (command.body.truth_of("public_tokens")) {
		out.string("public_token", state.make_public_token(item));
	} else if (command.body.has("access_token")) {
		item.access_token = command.text("access_token");
		state.access_tokens[item.access_token] = item.number;
		out.string("access_token", item.access_token);
	} else {
		out.string("access_token", state.make_access_token(item));
	}
	return out.raw("account_ids", json_strings(accounts)).end();
}

std::string create_items(State &state, const std::string &text) {
	const Command command(text, {"count",
	                             "item_id",
	                             "access_token",
	                             "client_id",
	                             "institution_id",
	                             "username",
	                             "password",
	                             "days_requested",
	                             "products",
	                             "consented_products",
	                             "webhook",
	                             "stage",
	                             "status_text",
	                             "error",
	                             "error_reason",
	                             "error_blocks",
	                             "consent_expiration_time",
	                             "last_successful_update",
	                             "last_failed_update",
	                             "login_expires",
	                             "removed",
	                             "announce",
	                             "accounts",
	                             "generate",
	                             "public_tokens"});
	std::vector<std::string> made;
	const std::int64_t count = command.body.integer_of("count", 1);
	const bool in_bulk = command.body.has("generate");
	const Day today = day_of(state.world.clock.now());
	for (std::int64_t n = 0; n < count; ++n) {
		Item *created = state.ledger.create(command.text("item_id", state.world.ids.alphanumeric(37)));
		if (created == nullptr) {
			throw ControlError{"an item of that id exists already"};
		}
		Item &item = *created;
		item.client_id = command.text("client_id", "sandbox-client");
		item.institution_id = "ins_109508";
		item.username = command.text("username", in_bulk ? "user_bulk" : "user_good");
		item.products = item.consented_products = {"transactions"};
		item.created = state.world.clock.now();
		item.days_requested = static_cast<int>(command.body.integer_of("days_requested", 90));
		if (command.raw.get("accounts")) {
			for (const std::string &account : raw_elements(*command.raw.get("accounts"))) {
				item.accounts.push_back(account_from(state.world, RawObject::parse(account).value_or(RawObject{})));
			}
		} else {
			fill_item(item, state.world, command.text("password", in_bulk ? R"({"count": 0})" : "pass_good"));
		}
		if (in_bulk) {
			const Json words = command.body.get("generate");
			check_bulk_words(words);
			BulkPlan plan = read_bulk_plan(words, item, today);
			plan.seed += static_cast<std::uint64_t>(n); // other rows for every item
			if (!command.body.has("days_requested")) {
				const auto oldest = (today - plan.last).count() + plan.days;
				item.days_requested = std::max(item.days_requested, static_cast<int>(oldest)); // so that all show
			}
			add_bulk_rows(item, plan, today);
		}
		set_item(state, item, command);
		if (!command.body.has("stage") && item.has_product("transactions")) {
			state.start_history(item);
		}
		state.advance(item);
		made.push_back(hand_out(state, item, command));
	}
	return ObjectText{}.raw("items", json_array(made)).end();
}

} // namespace

namespace {

ItemOfToken of_token(State &state) {
	return [&state](const std::string &text) {
		const auto token = state.access_tokens.find(text);
		return token == state.access_tokens.end() ? nullptr : state.ledger.find(token->second);
	};
}

} // namespace

Item &item_of(State &state, const Command &command) {
	return sandbox::item_of(state.ledger, of_token(state), command);
}

std::vector<Item *> items_of(State &state, const Command &command) {
	return sandbox::items_of(state.ledger, of_token(state), command);
}

std::string steer_items(State &state, std::string_view what, const std::string &body) {
	if (what == "create") {
		return create_items(state, body);
	}
	if (what == "set") {
		const Command command(body, {"item_id", "access_token", "items", "institution_id", "products",
		                             "consented_products", "webhook", "stage", "status_text", "error", "error_reason",
		                             "error_blocks", "consent_expiration_time", "last_successful_update",
		                             "last_failed_update", "login_expires", "removed", "announce"});
		for (Item *item : items_of(state, command)) {
			set_item(state, *item, command);
		}
		return "{\"done\":true}";
	}
	if (what == "poison_cursors") {
		// Every cursor handed out so far fails from now on; those handed out later work.
		const Command command(body, {"item_id", "access_token", "items"});
		for (Item *item : items_of(state, command)) {
			item->poisoned_before = state.next_cursor_serial;
		}
		return "{\"done\":true}";
	}
	unknown_command("items", what);
}

namespace {

std::string run_command(State &state, std::string_view what, const std::string &body) {
	const std::size_t slash = what.find('/');
	const std::string_view area = what.substr(0, slash);
	const std::string_view command = slash == std::string_view::npos ? std::string_view{} : what.substr(slash + 1);
	if (area == "items") {
		return steer_items(state, command, body);
	}
	if (area == "accounts") {
		return steer_accounts(state, command, body);
	}
	if (area == "transactions") {
		return steer_transactions(state, command, body);
	}
	if (area == "link") {
		return steer_link(state, command, body);
	}
	if (area == "webhooks") {
		return steer_webhooks(state, command, body);
	}
	if (area == "institutions") {
		return steer_institutions(state, command, body);
	}
	if (area == "limits") {
		return steer_limits(state, command, body);
	}
	unknown_command(area, command);
}

} // namespace

std::string steer(State &state, std::string_view what, const std::string &body) {
	try {
		return run_command(state, what, body);
	} catch (const ApiError &error) {
		throw ControlError{error.code + ": " + error.message};
	}
}

} // namespace ob::sandbox::plaid
