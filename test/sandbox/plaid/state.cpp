#include "state.hpp"

#include <algorithm>

#include "events.hpp"
#include "test_users.hpp"

namespace ob::sandbox::plaid {

namespace {

// Plaid: the initial pull covers the last 30 days.
constexpr std::chrono::days kInitialDays{30};
constexpr std::chrono::minutes kPublicTokenLife{30};
constexpr std::chrono::days kExpiryNotice{7};
constexpr std::string_view kOAuthSandbox = "ins_127287";

// Plaid: logins of the sandbox break 30 days after the item was made.
std::optional<Time> login_ends(const World &world, const Item &item) {
	if (world.config.environment != "sandbox" || world.config.item_login_days <= 0 || !item.login_expires ||
	    item.error_code) {
		return std::nullopt;
	}
	return item.created + std::chrono::days{world.config.item_login_days};
}

} // namespace

const Institution &State::open_bank(const std::string &institution_id) const {
	const Institution &institution = known_institution(institution_id);
	if (!institution.link_error.empty()) {
		fail(institution.link_error);
	}
	need_bank(institution_id, true);
	return institution;
}

void State::need_bank(const std::string &institution_id, bool live) const {
	const auto trouble = troubled_banks.find(institution_id);
	if (trouble != troubled_banks.end() && (live || trouble->second.cached_too)) {
		fail(trouble->second.error);
	}
}

Item &State::link_item(const Login &login) {
	const Institution &institution = open_bank(login.institution_id);
	check_login(login.username, login.password);
	Item draft;
	draft.number = ledger.next_number();
	draft.username = login.username;
	draft.days_requested = login.days_requested;
	fill_item(draft, world, login.password); // throws before anything is in the ledger
	for (std::size_t index = 0; login.shares && index < draft.accounts.size(); ++index) {
		draft.accounts[index].shared = login.shares(index, draft.accounts[index]);
	}
	// Plaid: who chooses only accounts that the filters leave out is asked again.
	if (!draft.accounts.empty() && std::none_of(draft.accounts.begin(), draft.accounts.end(),
	                                            [](const Account &account) { return account.shared; })) {
		fail("NO_ACCOUNTS");
	}
	Item &item = *ledger.create(world.ids.alphanumeric(37));
	item.client_id = login.client_id;
	item.institution_id = login.institution_id;
	item.username = login.username;
	item.webhook = login.webhook;
	item.products = login.products;
	item.consented_products = login.products;
	for (const std::string &product : login.consented) {
		if (!item.has_product(product)) {
			item.consented_products.push_back(product);
		}
	}
	item.created = world.clock.now();
	// Plaid: production raises a history of under 30 days to 30.
	item.days_requested =
	    world.config.environment == "production" ? std::max(login.days_requested, 30) : login.days_requested;
	item.accounts = std::move(draft.accounts);
	item.transactions = std::move(draft.transactions);
	for (std::uint32_t index = 0; index < item.accounts.size(); ++index) {
		item.transactions.hide_account(index, !item.accounts[index].shared);
		if (institution.id == kOAuthSandbox) {
			// Plaid: the same for the same account, however often it is linked.
			RawObject &fields = item.accounts[index].fields;
			const std::string who = item.username + "\n" + fields.text_of("name") + "\n" + fields.text_of("mask");
			fields.set("persistent_account_id", json_string(hex(sha256(who))));
		}
	}
	if (item.has_product("transactions")) {
		start_history(item);
		advance(item);
	}
	return item;
}

std::string State::make_public_token(const Item &item) {
	std::string token = "public-" + world.config.environment + "-" + world.ids.uuid();
	public_tokens[token] = {item.number, item.client_id, world.clock.now() + kPublicTokenLife, false};
	return token;
}

const std::string &State::make_access_token(Item &item) {
	access_tokens.erase(item.access_token);
	item.access_token = "access-" + world.config.environment + "-" + world.ids.uuid();
	access_tokens[item.access_token] = item.number;
	return item.access_token;
}

void State::start_history(Item &item) {
	item.initial_at = world.clock.now() + world.config.initial_delay;
	item.historical_at = std::max(*item.initial_at, world.clock.now() + world.config.historical_delay);
}

void State::reach(Item &item, Readiness stage) {
	if (stage <= item.readiness) {
		return;
	}
	const Day today = day_of(world.clock.now());
	const int wanted = item.days_requested;
	const int visible = stage == Readiness::historical ? wanted : std::min<int>(wanted, kInitialDays.count());
	const std::size_t revealed = item.transactions.reveal(today - std::chrono::days{visible});
	item.readiness = stage;
	item.last_successful_update = world.clock.now();
	announce_stage(*this, item, revealed);
}

void State::advance(Item &item) {
	if (item.removed) {
		return;
	}
	const Time now = world.clock.now();
	if (item.readiness == Readiness::not_ready && item.initial_at && now >= *item.initial_at) {
		reach(item, Readiness::initial);
	}
	if (item.readiness == Readiness::initial && item.historical_at && now >= *item.historical_at) {
		reach(item, Readiness::historical);
	}
	if (const auto end = login_ends(world, item); end && now >= *end) {
		item.breaks("ITEM_LOGIN_REQUIRED", now);
		item.login_expires = false;
		announce_error(*this, item);
	}
	if (item.consent_expires && !item.error_code) {
		if (!item.expiry_announced && now >= *item.consent_expires - kExpiryNotice) {
			item.expiry_announced = true;
			fire(*this, item, "ITEM", "PENDING_EXPIRATION");
		}
		if (now >= *item.consent_expires) {
			item.breaks("ITEM_LOGIN_REQUIRED", now, "OAUTH_CONSENT_EXPIRED");
			announce_error(*this, item);
		}
	}
	next_due_ = std::min(next_due_, due(item));
}

Time State::due(const Item &item) const {
	Time out = Time::max();
	if (item.removed) {
		return out;
	}
	if (item.readiness == Readiness::not_ready && item.initial_at) {
		out = *item.initial_at;
	} else if (item.readiness == Readiness::initial && item.historical_at) {
		out = *item.historical_at;
	}
	if (login_ends(world, item)) {
		out = std::min(out, *login_ends(world, item));
	}
	if (item.consent_expires && !item.error_code) {
		out = std::min(out, item.expiry_announced ? *item.consent_expires : *item.consent_expires - kExpiryNotice);
	}
	return out;
}

void State::advance_all(bool always) {
	if (!always && world.clock.now() < next_due_) {
		return;
	}
	for (Item &item : ledger.items()) {
		advance(item);
	}
	next_due_ = Time::max();
	for (const Item &item : ledger.items()) {
		next_due_ = std::min(next_due_, due(item));
	}
}

bool State::is_of_environment(std::string_view kind, std::string_view token) const {
	// Tokens that a test has chosen itself have no such prefix and belong everywhere.
	const std::string prefix = std::string(kind) + "-";
	return !token.starts_with(prefix) || token.starts_with(prefix + world.config.environment + "-");
}

void State::clear() {
	ledger.clear();
	access_tokens.clear();
	public_tokens.clear();
	link_tokens.clear();
	keys.clear();
	limits.clear();
	troubled_banks.clear();
	next_due_ = Time::max();
}

Item &Call::item() {
	const std::string token = body.text_of("access_token");
	const auto found = state.access_tokens.find(token);
	Item *item = found == state.access_tokens.end() ? nullptr : state.ledger.find(found->second);
	if (item == nullptr || item->client_id != client_id || !state.is_of_environment("access", token)) {
		fail("INVALID_ACCESS_TOKEN");
	}
	if (item->removed) {
		fail("ITEM_NOT_FOUND");
	}
	state.advance(*item);
	return *item;
}

Item &Call::healthy_item(bool live) {
	Item &found = item();
	if (found.blocked()) {
		throw item_error(found);
	}
	state.need_bank(found.institution_id, live);
	return found;
}

} // namespace ob::sandbox::plaid
