#include "link_session.hpp"

#include <algorithm>

#include "events.hpp"
#include "institutions.hpp"
#include "test_users.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::chrono::days kConsentLife{180}; // what European rules allow

} // namespace

LinkSession &open_session(State &state, LinkToken &token) {
	const bool used = std::any_of(token.sessions.begin(), token.sessions.end(),
	                              [](const LinkSession &session) { return session.finished && !session.exited; });
	if (state.world.clock.now() >= token.expires || (used && state.world.config.environment == "production")) {
		fail("INVALID_LINK_TOKEN", "the link token has expired or has been used");
	}
	LinkSession &session = token.sessions.emplace_back();
	session.id = state.world.ids.uuid();
	session.started = state.world.clock.now();
	add_event(state, session, "OPEN");
	return session;
}

void add_event(State &state, LinkSession &session, std::string_view name) {
	ObjectText metadata;
	metadata.string("request_id", state.world.ids.alphanumeric(15));
	if (session.institution_id) {
		const Institution *institution = find_institution(*session.institution_id);
		metadata.string("institution_id", *session.institution_id);
		metadata.string("institution_name", institution ? institution->name : "");
	}
	session.events.push_back(ObjectText{}
	                             .string("event_id", state.world.ids.uuid())
	                             .string("event_name", name)
	                             .string("timestamp", format_time(state.world.clock.now()))
	                             .raw("event_metadata", metadata.end())
	                             .end());
}

bool passes_filters(const LinkToken &token, const Account &account) {
	if (!token.account_filters) {
		return true;
	}
	// Plaid: once there are filters, a type that is not named is left out altogether.
	const Json filter = Json::parse(*token.account_filters).get(account.fields.text_of("type"));
	const auto subtypes = filter.get("account_subtypes").texts();
	return std::any_of(subtypes.begin(), subtypes.end(), [&](const std::string &subtype) {
		return subtype == "all" || subtype == account.fields.text_of("subtype");
	});
}

// Plaid: in update mode an American bank without OAuth shows its accounts again only when asked to, one with OAuth
// always, a European one never.
bool shows_accounts(State &state, const LinkToken &token) {
	const Item *item = state.ledger.find(token.update_item);
	const Institution *bank = item == nullptr ? nullptr : find_institution(item->institution_id);
	if (item == nullptr || bank == nullptr) {
		return true;
	}
	return (bank->country == "US" || bank->country == "CA") && (token.account_selection || bank->oauth);
}

namespace {

void repair(State &state, const LinkToken &token, const LinkInput &input) {
	Item *item = state.ledger.find(token.update_item);
	if (item == nullptr || item->removed) {
		fail("ITEM_NOT_FOUND");
	}
	state.need_bank(item->institution_id, true);
	check_login(input.username, input.password);
	if (input.username != item->username && item->username != "user_empty") {
		fail("INVALID_UPDATED_USERNAME");
	}
	if (shows_accounts(state, token)) {
		bool changed = false;
		for (std::uint32_t index = 0; index < item->accounts.size(); ++index) {
			Account &account = item->accounts[index];
			const bool shared = !input.ticked || input.ticked(index, account);
			if (shared != account.shared) {
				account.shared = shared;
				changed = true;
				item->transactions.hide_account(index, !shared);
			}
		}
		if (changed && item->readiness != Readiness::not_ready) {
			const Day today = day_of(state.world.clock.now());
			const std::size_t revealed = item->transactions.reveal(today - std::chrono::days{item->days_requested});
			announce_new_selection(state, *item, revealed);
		}
	} else if (item->error_code == "NO_ACCOUNTS") {
		return; // the repair changes nothing without the account picker
	}
	std::vector<std::string> consented = token.further_products;
	consented.insert(consented.end(), token.consented_products.begin(), token.consented_products.end());
	for (const std::string &product : consented) {
		if (std::find(item->consented_products.begin(), item->consented_products.end(), product) ==
		    item->consented_products.end()) {
			item->consented_products.push_back(product);
		}
	}
	item->heals();
	item->login_expires = false;
	item->last_successful_update = state.world.clock.now();
	if (item->consent_expires) {
		item->consent_expires = state.world.clock.now() + kConsentLife;
		item->expiry_announced = false;
	}
	announce_repair(state, *item, false);
}

} // namespace

void complete_session(State &state, LinkToken &token, LinkSession &session, const LinkInput &input) {
	session.institution_id = input.institution_id;
	if (token.update_item != 0) {
		repair(state, token, input);
	} else {
		Login login;
		login.client_id = token.client_id;
		login.institution_id = input.institution_id;
		login.username = input.username;
		login.password = input.password;
		login.days_requested = token.days_requested;
		// Plaid: what is optional, or required if supported, is set up as well; the test banks support everything.
		login.products = token.products;
		login.products.insert(login.products.end(), token.further_products.begin(), token.further_products.end());
		login.consented = token.consented_products;
		login.webhook = token.webhook;
		login.shares = [&](std::size_t index, const Account &account) {
			return passes_filters(token, account) && (!input.ticked || input.ticked(index, account));
		};
		Item &item = state.link_item(login);
		session.items.push_back(item.number);
		session.public_tokens.push_back(state.make_public_token(item));
		announce_item_added(state, token, session, session.public_tokens.back());
	}
	add_event(state, session, "HANDOFF");
	if (input.finish) {
		session.finished = state.world.clock.now();
		announce_session_end(state, token, session);
	}
}

void exit_session(State &state, const LinkToken &token, LinkSession &session, const std::optional<ApiError> &error,
                  const std::string &status) {
	session.exited = true;
	session.exit_error = error;
	session.exit_status = status;
	add_event(state, session, "EXIT");
	session.finished = state.world.clock.now();
	announce_session_end(state, token, session);
}

} // namespace ob::sandbox::plaid
