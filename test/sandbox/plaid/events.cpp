#include "events.hpp"

#include <algorithm>

namespace ob::sandbox::plaid {

namespace {

// As seen on real webhooks: two blanks of indentation, keys in alphabetical order, no line feed at the end.
std::string pretty(const std::string &json) {
	const Json document = Json::parse(json);
	return document.dump_sorted(2);
}

ObjectText begin(State &state, std::string_view type, std::string_view code) {
	ObjectText out;
	out.string("webhook_type", type).string("webhook_code", code).string("environment", state.world.config.environment);
	return out;
}

void send(State &state, Item &item, std::string_view type, std::string_view code, ObjectText fields) {
	const std::string body = pretty(fields.string("item_id", item.id).end());
	const Time now = state.world.clock.now();
	const std::string label = std::string(type) + "/" + std::string(code);
	if (state.world.webhooks.add("plaid", item.webhook, label, body, now) != 0) {
		item.last_webhook_at = now;
		item.last_webhook_code = code;
	}
}

void send_sync_updates(State &state, Item &item) {
	ObjectText fields = begin(state, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE");
	fields.boolean("initial_update_complete", item.readiness != Readiness::not_ready);
	fields.boolean("historical_update_complete", item.readiness == Readiness::historical);
	send(state, item, "TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", std::move(fields));
}

void send_legacy_update(State &state, Item &item, std::string_view code, std::size_t added) {
	ObjectText fields = begin(state, "TRANSACTIONS", code);
	fields.number("new_transactions", static_cast<std::int64_t>(added)).null("error");
	send(state, item, "TRANSACTIONS", code, std::move(fields));
}

std::string error_of(const Item &item) {
	return item.error_code ? error_object(item_error(item), std::nullopt, true) : "null";
}

void send_error(State &state, Item &item, ApiError error) {
	ObjectText fields = begin(state, "ITEM", "ERROR");
	fields.raw("error", error_object(error, std::nullopt, true));
	send(state, item, "ITEM", "ERROR", std::move(fields));
}

void send_revoked(State &state, Item &item) {
	// In a webhook this error is of the type ITEM_ERROR, in answers INVALID_INPUT.
	ApiError error = make_error("USER_PERMISSION_REVOKED");
	error.type = "ITEM_ERROR";
	ObjectText fields = begin(state, "ITEM", "USER_PERMISSION_REVOKED");
	fields.raw("error", error_object(error, std::nullopt, true));
	send(state, item, "ITEM", "USER_PERMISSION_REVOKED", std::move(fields));
}

bool fire_item(State &state, Item &item, std::string_view code) {
	ObjectText fields = begin(state, "ITEM", code);
	const Time in_a_week = state.world.clock.now() + std::chrono::days{7};
	if (code == "ERROR") {
		send_error(state, item, item.error_code ? item_error(item) : make_error("ITEM_LOGIN_REQUIRED"));
		return true;
	}
	if (code == "USER_PERMISSION_REVOKED") {
		send_revoked(state, item);
		return true;
	}
	if (code == "NEW_ACCOUNTS_AVAILABLE") {
		fields.raw("error", error_of(item));
	} else if (code == "USER_ACCOUNT_REVOKED") {
		// The one that is no longer shared, if there is one.
		const auto gone = std::find_if(item.accounts.begin(), item.accounts.end(),
		                               [](const Account &account) { return !account.shared; });
		const bool any = gone != item.accounts.end();
		fields.string("account_id", any ? gone->id : item.accounts.empty() ? "" : item.accounts.front().id);
	} else if (code == "PENDING_DISCONNECT") {
		fields.string("reason", "INSTITUTION_TOKEN_EXPIRATION").string("disconnect_time", format_time(in_a_week));
	} else if (code == "PENDING_EXPIRATION") {
		fields.string("consent_expiration_time", format_time(item.consent_expires.value_or(in_a_week)));
	} else if (code != "LOGIN_REPAIRED") {
		return false;
	}
	send(state, item, "ITEM", code, std::move(fields));
	return true;
}

bool fire_transactions(State &state, Item &item, std::string_view code) {
	if (code == "SYNC_UPDATES_AVAILABLE") {
		send_sync_updates(state, item);
	} else if (code == "DEFAULT_UPDATE" || code == "INITIAL_UPDATE" || code == "HISTORICAL_UPDATE") {
		send_legacy_update(state, item, code, 0);
	} else if (code == "RECURRING_TRANSACTIONS_UPDATE") {
		std::vector<std::string> accounts;
		for (const Account &account : item.accounts) {
			accounts.push_back(account.id);
		}
		ObjectText fields = begin(state, "TRANSACTIONS", code);
		fields.raw("account_ids", json_strings(accounts));
		send(state, item, "TRANSACTIONS", code, std::move(fields));
	} else {
		return false;
	}
	return true;
}

ObjectText begin_link(State &state, std::string_view code, const LinkToken &token, const LinkSession &session) {
	ObjectText fields = begin(state, "LINK", code);
	fields.string("link_session_id", session.id).string("link_token", token.token);
	return fields;
}

// Plaid: only hosted and multi-item sessions have these. In update mode the token's webhook has no effect; that of the
// item stays in force.
void send_link(State &state, const LinkToken &token, std::string_view code, ObjectText fields) {
	if (token.hosted_id.empty() && !token.multi_item) {
		return;
	}
	const Item *updated = state.ledger.find(token.update_item);
	state.world.webhooks.add("plaid", updated == nullptr ? token.webhook : updated->webhook,
	                         "LINK/" + std::string(code), pretty(fields.end()), state.world.clock.now());
}

} // namespace

void announce_changes(State &state, Item &item, std::size_t added, const std::vector<std::string> &removed) {
	if (item.blocked()) {
		item.changed_while_broken = true;
		return;
	}
	send_legacy_update(state, item, "DEFAULT_UPDATE", added);
	if (!removed.empty()) {
		ObjectText fields = begin(state, "TRANSACTIONS", "TRANSACTIONS_REMOVED");
		fields.raw("removed_transactions", json_strings(removed)).null("error");
		send(state, item, "TRANSACTIONS", "TRANSACTIONS_REMOVED", std::move(fields));
	}
	if (item.sync_called) {
		send_sync_updates(state, item);
	}
}

void announce_stage(State &state, Item &item, std::size_t revealed) {
	send_legacy_update(state, item, item.readiness == Readiness::historical ? "HISTORICAL_UPDATE" : "INITIAL_UPDATE",
	                   revealed);
	if (item.sync_called) {
		send_sync_updates(state, item);
	}
}

void announce_new_selection(State &state, Item &item, std::size_t revealed) {
	send_legacy_update(state, item, "INITIAL_UPDATE", revealed);
	send_legacy_update(state, item, "HISTORICAL_UPDATE", revealed);
	if (item.sync_called) {
		send_sync_updates(state, item);
	}
}

void announce_repair(State &state, Item &item, bool by_itself) {
	if (by_itself) {
		fire_item(state, item, "LOGIN_REPAIRED");
	}
	if (std::exchange(item.changed_while_broken, false)) {
		announce_changes(state, item, 0, {});
	}
}

void announce_error(State &state, Item &item) {
	if (item.error_code == "USER_PERMISSION_REVOKED") {
		send_revoked(state, item);
	} else if (item.error_code) {
		send_error(state, item, item_error(item));
	}
}

void announce_webhook_update(State &state, Item &item) {
	ObjectText fields = begin(state, "ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED");
	fields.nullable("new_webhook_url", item.webhook).raw("error", error_of(item));
	send(state, item, "ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED", std::move(fields));
}

bool fire(State &state, Item &item, std::string_view type, std::string_view code) {
	if (type == "ITEM") {
		return fire_item(state, item, code);
	}
	if (type == "TRANSACTIONS") {
		return fire_transactions(state, item, code);
	}
	// Of other products: they may arrive, and a client stores and ignores them.
	send(state, item, type, code, begin(state, type, code));
	return true;
}

void announce_item_added(State &state, const LinkToken &token, const LinkSession &session,
                         const std::string &public_token) {
	ObjectText fields = begin_link(state, "ITEM_ADD_RESULT", token, session);
	fields.string("public_token", public_token);
	send_link(state, token, "ITEM_ADD_RESULT", std::move(fields));
}

void announce_session_end(State &state, const LinkToken &token, const LinkSession &session) {
	ObjectText finished = begin_link(state, "SESSION_FINISHED", token, session);
	finished.string("status", session.exited ? "EXITED" : "SUCCESS");
	finished.raw("public_tokens", json_strings(session.public_tokens));
	if (session.public_tokens.size() == 1) {
		finished.string("public_token", session.public_tokens.front());
	}
	send_link(state, token, "SESSION_FINISHED", std::move(finished));
	ObjectText events = begin_link(state, "EVENTS", token, session);
	events.raw("events", json_array(session.events));
	send_link(state, token, "EVENTS", std::move(events));
}

} // namespace ob::sandbox::plaid
