#include "steering.hpp"

#include <algorithm>
#include <array>

#include "events.hpp"
#include "mock_users.hpp"
#include "rows.hpp"

namespace ob::sandbox::truelayer {

namespace {

ItemOfToken of_token(State &state) {
	return [&state](const std::string &token) { return state.find_by_access_token(token); };
}

std::string one_of(const Command &command, const char *word, std::initializer_list<std::string_view> allowed) {
	std::string text = command.text(word);
	if (std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
		throw ControlError{"not known as " + std::string(word) + ": " + text};
	}
	return text;
}

std::string config(State &state, const std::string &text) {
	const Command command(text, {"refresh_tokens", "code_seconds", "consent_days", "idle_days", "require_nonce",
	                             "cancellation_uri", "extend_approved", "async_queued_ms", "async_running_ms",
	                             "async_keep_seconds", "results_base", "envelope_status", "webhook_url",
	                             "webhook_scheme", "webhook_secret", "sign_notices", "jku"});
	Settings &s = state.settings;
	const Json &body = command.body;
	if (body.has("refresh_tokens")) {
		s.refresh_tokens = one_of(command, "refresh_tokens", {"rotate", "rotate_keep", "stable", "omit"});
	}
	if (body.has("webhook_scheme")) {
		s.webhook_scheme = one_of(command, "webhook_scheme", {"jws", "hmac", "none"});
	}
	s.code_seconds = static_cast<int>(body.integer_of("code_seconds", s.code_seconds));
	s.consent_days = static_cast<int>(body.integer_of("consent_days", s.consent_days));
	s.idle_days = static_cast<int>(body.integer_of("idle_days", s.idle_days));
	s.require_nonce = body.truth_of("require_nonce", s.require_nonce);
	s.cancellation_uri = command.text("cancellation_uri", s.cancellation_uri);
	s.extend_approved = body.truth_of("extend_approved", s.extend_approved);
	s.async_queued = std::chrono::milliseconds{body.integer_of("async_queued_ms", s.async_queued.count())};
	s.async_running = std::chrono::milliseconds{body.integer_of("async_running_ms", s.async_running.count())};
	s.async_keep_seconds = static_cast<int>(body.integer_of("async_keep_seconds", s.async_keep_seconds));
	s.results_base = command.text("results_base", s.results_base);
	s.envelope_status = command.text("envelope_status", s.envelope_status);
	s.webhook_url = command.text("webhook_url", s.webhook_url);
	s.webhook_secret = command.text("webhook_secret", s.webhook_secret);
	s.sign_notices = body.truth_of("sign_notices", s.sign_notices);
	s.jku = command.text("jku", s.jku);
	return ObjectText{}
	    .string("refresh_tokens", s.refresh_tokens)
	    .number("code_seconds", s.code_seconds)
	    .number("consent_days", s.consent_days)
	    .number("idle_days", s.idle_days)
	    .boolean("require_nonce", s.require_nonce)
	    .string("cancellation_uri", s.cancellation_uri)
	    .boolean("extend_approved", s.extend_approved)
	    .number("async_queued_ms", s.async_queued.count())
	    .number("async_running_ms", s.async_running.count())
	    .number("async_keep_seconds", s.async_keep_seconds)
	    .string("results_base", s.results_base)
	    .string("envelope_status", s.envelope_status)
	    .string("webhook_url", s.webhook_url)
	    .string("webhook_scheme", s.webhook_scheme)
	    .boolean("sign_notices", s.sign_notices)
	    .string("jku", key_set_url(state))
	    .end();
}

Time time_or(const Command &command, const char *word, Time otherwise) {
	return command.body.has(word) ? command.time(word).value_or(otherwise) : otherwise;
}

// Applies what both creating and setting an item know.
void set_item(State &state, Item &item, const Command &command) {
	Connection &connection = state.connections.at(item.number);
	const Json &body = command.body;
	if (body.has("error")) {
		connection.error = body.get("error").is_null() ? std::nullopt : std::optional(body.text_of("error"));
	}
	if (body.has("answer_status")) {
		connection.answer_status =
		    one_of(command, "answer_status", {"Queued", "Running", "Failed", "queued", "RUNNING"});
		connection.answer_status_count = static_cast<int>(body.integer_of("answer_status_count", 1));
	}
	if (body.has("scopes")) {
		connection.scopes = body.get("scopes").texts();
	}
	connection.authenticated = time_or(command, "authenticated_at", connection.authenticated);
	connection.consent_expires = time_or(command, "consent_expires_at", connection.consent_expires);
	connection.refresh_used = time_or(command, "refresh_used_at", connection.refresh_used);
	connection.access_expires = time_or(command, "access_expires_at", connection.access_expires);
	connection.extends_alone = body.truth_of("extends_alone", connection.extends_alone);
	if (body.truth_of("revoked") && !connection.revoked && body.truth_of("announce", true)) {
		send_event(state, "consent.revoked", item.id, "connection");
	}
	connection.revoked = body.truth_of("revoked", connection.revoked);
	if (body.truth_of("removed") && !item.removed) {
		item.removed = true;
		state.forget_tokens(connection);
	}
}

// What a client gets at the item with: tokens, or a code to be exchanged.
std::string hand_out(State &state, Connection &connection, const Command &command) {
	std::vector<std::string> accounts;
	for (const Account &account : connection.item->accounts) {
		accounts.push_back(account.id);
	}
	ObjectText out;
	out.string("item_id", connection.item->id);
	if (command.body.truth_of("codes")) {
		out.string("code", state.make_code(connection, command.text("redirect_uri"), ""));
		return out.raw("account_ids", json_strings(accounts)).end();
	}
	static_cast<void>(state.make_access_token(connection));
	if (command.body.has("access_token")) {
		state.access_tokens.erase(connection.access_token);
		connection.access_token = command.text("access_token");
		state.access_tokens[connection.access_token] = connection.item->number;
	}
	out.string("access_token", connection.access_token);
	if (connection.has_scope("offline_access")) {
		state.set_refresh_token(connection, command.text("refresh_token"));
		out.string("refresh_token", connection.refresh_token);
	}
	return out.raw("account_ids", json_strings(accounts)).end();
}

std::string create_items(State &state, const std::string &text) {
	const Command command(text, {"count",
	                             "item_id",
	                             "access_token",
	                             "refresh_token",
	                             "client_id",
	                             "provider_id",
	                             "username",
	                             "password",
	                             "scopes",
	                             "accounts",
	                             "generate",
	                             "codes",
	                             "redirect_uri",
	                             "error",
	                             "answer_status",
	                             "answer_status_count",
	                             "authenticated_at",
	                             "consent_expires_at",
	                             "refresh_used_at",
	                             "access_expires_at",
	                             "extends_alone",
	                             "revoked",
	                             "removed",
	                             "announce"});
	const Bank *bank = state.find_bank(command.text("provider_id", "mock"));
	if (bank == nullptr) {
		throw ControlError{"no such provider"};
	}
	const bool in_bulk = command.body.has("generate");
	const std::string username = command.text("username", in_bulk ? "user_bulk" : "john");
	const std::string password = command.text("password", username == "user_bulk" ? R"({"count": 0})"
	                                                      : username == "john"    ? "doe"
	                                                                              : "");
	const auto scopes = command.body.has("scopes") ? command.body.get("scopes").texts() : bank->scopes;
	std::vector<std::string> made;
	for (std::int64_t n = 0; n < command.body.integer_of("count", 1); ++n) {
		if (command.body.has("item_id") && state.ledger.find(command.text("item_id")) != nullptr) {
			throw ControlError{"an item of that id exists already"};
		}
		Connection &connection = state.make_connection(command.text("client_id", "sandbox-client"), *bank, username,
		                                               password, scopes, command.text("item_id"));
		connection.redirect_uri = command.text("redirect_uri");
		Item &item = *connection.item;
		if (command.raw.get("accounts")) {
			item.accounts.clear();
			item.transactions = {};
			for (const std::string &account : raw_elements(*command.raw.get("accounts"))) {
				RawObject given = RawObject::parse(account).value_or(RawObject{});
				const bool card = given.get("card") == "true";
				given.erase("card");
				item.accounts.push_back(account_from(state.world, *bank, card, given));
			}
		}
		for (std::uint32_t index = 0; in_bulk && index < item.accounts.size(); ++index) {
			add_generated(item, state.world, *bank, index, command.body.get("generate"));
		}
		const std::string handed = hand_out(state, connection, command);
		set_item(state, item, command);
		made.push_back(handed);
	}
	return ObjectText{}.raw("items", json_array(made)).end();
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
		const Command command(body,
		                      {"item_id", "access_token", "items", "error", "answer_status", "answer_status_count",
		                       "scopes", "authenticated_at", "consent_expires_at", "refresh_used_at",
		                       "access_expires_at", "extends_alone", "revoked", "removed", "announce"});
		for (Item *item : items_of(state, command)) {
			set_item(state, *item, command);
		}
		return "{\"done\":true}";
	}
	unknown_command("items", what);
}

// How banks behave; a new id makes a new bank like mock.
std::string steer_providers(State &state, std::string_view what, const std::string &body) {
	if (what != "set") {
		unknown_command("providers", what);
	}
	const Command command(body, {"provider_id", "scopes", "country", "group", "history_days", "deep_days",
	                             "deep_minutes", "refresh_ends_deep", "refusal", "info_minutes", "daily_quota",
	                             "token_seconds", "fresh_transaction_ids", "normalised_ids", "account_ids_change"});
	Bank *found = state.find_bank(command.text("provider_id", "mock"));
	if (found == nullptr) {
		state.banks.push_back(state.banks.front());
		found = &state.banks.back();
		found->id = found->name = command.text("provider_id");
	}
	Bank &bank = *found;
	const Json &given = command.body;
	const auto set = [&given](int &number, const char *word) {
		number = static_cast<int>(given.integer_of(word, number));
	};
	set(bank.history_days, "history_days");
	set(bank.deep_days, "deep_days");
	set(bank.deep_minutes, "deep_minutes");
	set(bank.info_minutes, "info_minutes");
	set(bank.daily_quota, "daily_quota");
	set(bank.token_seconds, "token_seconds");
	bank.refresh_ends_deep = given.truth_of("refresh_ends_deep", bank.refresh_ends_deep);
	bank.fresh_transaction_ids = given.truth_of("fresh_transaction_ids", bank.fresh_transaction_ids);
	bank.normalised_ids = given.truth_of("normalised_ids", bank.normalised_ids);
	bank.account_ids_change = given.truth_of("account_ids_change", bank.account_ids_change);
	bank.country = command.text("country", bank.country);
	bank.group = command.text("group", bank.group);
	if (given.has("scopes")) {
		bank.scopes = given.get("scopes").texts();
	}
	if (given.has("refusal")) {
		using enum Bank::Refusal;
		static constexpr std::array kRefusals = {sca_exceeded, access_denied, invalid_date_range, silence};
		const auto *wanted = std::find_if(kRefusals.begin(), kRefusals.end(), [&](Bank::Refusal refusal) {
			return refusal_name(refusal) == given.text_of("refusal");
		});
		if (wanted == kRefusals.end()) {
			throw ControlError{"refusal must be sca_exceeded, access_denied, invalid_date_range or silence"};
		}
		bank.refusal = *wanted;
	}
	return "{\"done\":true}";
}

namespace {

std::string run_command(State &state, std::string_view what, const std::string &body) {
	const std::size_t slash = what.find('/');
	const std::string_view area = what.substr(0, slash);
	const std::string_view command = slash == std::string_view::npos ? std::string_view{} : what.substr(slash + 1);
	if (what == "config") {
		return config(state, body);
	}
	if (area == "items") {
		return steer_items(state, command, body);
	}
	if (area == "accounts") {
		return steer_accounts(state, command, body);
	}
	if (area == "transactions") {
		return steer_transactions(state, command, body);
	}
	if (area == "providers") {
		return steer_providers(state, command, body);
	}
	if (area == "link") {
		return steer_link(state, command, body);
	}
	if (area == "webhooks") {
		return steer_webhooks(state, command, body);
	}
	unknown_command(area, command);
}

} // namespace

std::string steer(State &state, std::string_view what, const std::string &body) {
	try {
		return run_command(state, what, body);
	} catch (const ApiError &error) {
		throw ControlError{error.code + ": " + error.description};
	}
}

} // namespace ob::sandbox::truelayer
