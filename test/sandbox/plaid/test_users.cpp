#include "test_users.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "bulk_rows.hpp"
#include "errors.hpp"
#include "odd_ledgers.hpp"
#include "rows.hpp"

namespace ob::sandbox::plaid {

namespace {

using std::chrono::days;

void add_row(Item &item, World &world, RowValues values, bool visible) {
	values.id = world.ids.alphanumeric(37);
	item.transactions.add(make_transaction(item, values), visible);
}

void add_default_accounts(Item &item, World &world) {
	item.accounts.push_back(make_account(world.ids.alphanumeric(37), "depository", "checking", "Plaid Checking",
	                                     "Plaid Gold Standard 0% Interest Checking", "0000", "100", "110", "null"));
	item.accounts.push_back(make_account(world.ids.alphanumeric(37), "depository", "savings", "Plaid Saving",
	                                     "Plaid Silver Standard 0.1% Interest Saving", "1111", "200", "210", "null"));
	item.accounts.push_back(make_account(world.ids.alphanumeric(37), "credit", "credit card", "Plaid Credit Card",
	                                     "Plaid Diamond 12.5% APR Interest Credit Card", "3333", "null", "410",
	                                     "2000"));
	for (Account &account : item.accounts) {
		account.fields.set("holder_category", "\"personal\"");
	}
}

struct Habit {
	std::size_t merchant;
	std::size_t account;
	int every; ///< days
	int first; ///< age in days of the latest one
	std::int64_t cents;
};

// Of the default users; positive is money that leaves the account.
constexpr std::array kHabits = {
    Habit{0, 0, 14, 3, 633},   Habit{1, 0, 30, 12, 7850},   Habit{2, 0, 45, 13, -50000}, Habit{3, 0, 7, 2, 433},
    Habit{5, 0, 9, 5, 5412},   Habit{8, 0, 14, 8, -208533}, Habit{7, 0, 30, 20, 2500},   Habit{10, 1, 30, 6, 100000},
    Habit{9, 1, 30, 11, -422}, Habit{4, 2, 30, 16, 8940},   Habit{6, 2, 30, 17, 50000},  Habit{11, 2, 30, 19, -207850},
    Habit{3, 2, 11, 4, 1200},
};

constexpr int kHistoryDays = 90;

void add_habits(Item &item, World &world) {
	const Day today = day_of(world.clock.now());
	for (int age = kHistoryDays; age >= 1; --age) {
		for (const Habit &habit : kHabits) {
			if (age < habit.first || (age - habit.first) % habit.every != 0) {
				continue;
			}
			RowValues values;
			values.account_id = item.accounts[habit.account].id;
			values.amount = amount_text(habit.cents);
			values.date = today - days{age};
			values.authorized = values.date - days{1};
			values.merchant = habit.merchant;
			add_row(item, world, std::move(values), false);
		}
	}
	// One purchase on the card is still on its way.
	RowValues values;
	values.account_id = item.accounts[2].id;
	values.amount = "28.34";
	values.date = today - days{1};
	values.merchant = 5;
	values.pending = true;
	add_row(item, world, std::move(values), false);
}

void add_dynamic(Item &item, World &world, int count) {
	const Day today = day_of(world.clock.now());
	for (int n = 0; n < count; ++n) {
		RowValues values;
		values.account_id = item.accounts[n % 3 == 0 ? 2 : 0].id;
		values.amount = amount_text(static_cast<std::int64_t>(world.ids.number(12'000)) + 100);
		values.merchant = static_cast<std::size_t>(n) % 7;
		values.pending = n < count / 10;
		values.date = today - days{values.pending ? n % 3 : 3 + n};
		add_row(item, world, std::move(values), false);
	}
}

[[noreturn]] void bad_custom(const std::string &what) {
	fail("INVALID_CONFIGURATION", "custom user: " + what);
}

void add_custom_transactions(Item &item, World &world, const RawObject &account, const std::string &currency,
                             std::size_t &total) {
	const Day today = day_of(world.clock.now());
	for (const std::string &text : raw_elements(account.get("transactions").value_or("[]"))) {
		const RawObject given = RawObject::parse(text).value_or(RawObject{});
		const auto transacted = parse_date(given.text_of("date_transacted"));
		const auto posted = parse_date(given.text_of("date_posted"));
		if (!transacted || !posted || !given.get("amount") || !given.get("description")) {
			bad_custom("a transaction needs date_transacted, date_posted, amount and description");
		}
		if (++total > 250) {
			bad_custom("more than 250 transactions");
		}
		RowValues values;
		values.account_id = item.accounts.back().id;
		values.amount = *given.get("amount");
		values.pending = *posted > today;
		values.date = values.pending ? *transacted : *posted;
		values.authorized = *transacted;
		values.name = given.text_of("description");
		values.currency = given.get("currency") ? given.text_of("currency") : currency;
		values.merchant = 7;
		add_row(item, world, std::move(values), false);
	}
}

void fill_custom(Item &item, World &world, const std::string &configuration) {
	if (configuration.size() > 55'000) {
		bad_custom("the configuration is too large");
	}
	const Json checked = Json::parse(configuration);
	if (!checked.is_object() || checked.get("override_accounts").elements().empty()) {
		bad_custom("the password must be a JSON object with override_accounts");
	}
	const RawObject root = RawObject::parse(configuration).value_or(RawObject{});
	const auto accounts = raw_elements(root.get("override_accounts").value_or("[]"));
	if (accounts.size() > 10) {
		bad_custom("more than 10 accounts");
	}
	std::size_t total = 0;
	for (const std::string &text : accounts) {
		const RawObject given = RawObject::parse(text).value_or(RawObject{});
		const RawObject meta = RawObject::parse(given.get("meta").value_or("{}")).value_or(RawObject{});
		const std::string currency = given.get("currency") ? given.text_of("currency") : "USD";
		const std::string balance = given.get("starting_balance").value_or("0");
		const bool hide = given.get("has_null_available_balance") == "true";
		const std::string name = meta.get("name") ? meta.text_of("name") : "Custom account";
		item.accounts.push_back(
		    make_account(world.ids.alphanumeric(37), given.text_of("type"), given.text_of("subtype"), name,
		                 meta.get("official_name") ? std::optional(meta.text_of("official_name")) : std::nullopt,
		                 meta.get("mask") ? std::optional(meta.text_of("mask")) : std::nullopt,
		                 hide ? "null" : given.get("force_available_balance").value_or(balance), balance,
		                 meta.get("limit").value_or("null"), currency));
		add_custom_transactions(item, world, given, currency, total);
	}
}

// The password says how many rows, and which.
void add_bulk(Item &item, World &world, const std::string &password) {
	const Json words = Json::parse(password);
	check_bulk_words(words);
	const Day today = day_of(world.clock.now());
	add_bulk_rows(item, read_bulk_plan(words, item, today), today);
}

// Posts every pending row under a new id that names the old one. Returns the old ids.
std::vector<std::string> post_pending(Item &item, World &world) {
	const Day today = day_of(world.clock.now());
	std::vector<std::string> pending;
	for (const std::uint32_t index : item.transactions.newest_first()) {
		if (item.transactions.state(index).pending) {
			pending.push_back(item.transactions.id(index));
		}
	}
	for (const std::string &id : pending) {
		RawObject row = row_of(item.transactions, *item.transactions.find(id));
		row.set("transaction_id", json_string(world.ids.alphanumeric(37)));
		row.set("pending", "false");
		row.set("pending_transaction_id", json_string(id));
		row.set("authorized_date", row.get("date").value_or("null"));
		row.set("date", json_string(format_date(today)));
		item.transactions.add(make_transaction(item, row, today), true);
		item.transactions.remove(id);
	}
	return pending;
}

// Raises the amount of the oldest posted row by 1.00. False if there is none.
bool raise_one(Item &item, World &world) {
	const std::vector<std::uint32_t> &newest = item.transactions.newest_first();
	const auto oldest = std::find_if(newest.rbegin(), newest.rend(),
	                                 [&](std::uint32_t index) { return !item.transactions.state(index).pending; });
	if (oldest == newest.rend()) {
		return false;
	}
	RawObject row = row_of(item.transactions, *oldest);
	const double amount = std::strtod(row.get("amount").value_or("0").c_str(), nullptr);
	row.set("amount", amount_text(std::llround(amount * 100) + 100));
	item.transactions.replace(row.text_of("transaction_id"), make_transaction(item, row, day_of(world.clock.now())));
	return true;
}

std::size_t add_pending(Item &item, World &world, int count) {
	for (int n = 0; n < count; ++n) {
		RowValues values;
		values.account_id = item.accounts[n % 2 == 0 ? 0 : item.accounts.size() - 1].id;
		values.amount = amount_text(static_cast<std::int64_t>(world.ids.number(9'000)) + 100);
		values.merchant = world.ids.number(7);
		values.pending = true;
		values.date = day_of(world.clock.now());
		add_row(item, world, std::move(values), true);
	}
	return static_cast<std::size_t>(count);
}

bool is_persona(const std::string &username) {
	return username == "user_ewa_user" || username == "user_yuppie" || username == "user_small_business";
}

} // namespace

void check_login(const std::string &username, const std::string &password) {
	if (password.starts_with("error_")) {
		fail(password.substr(6));
	}
	if (username == "user_good") {
		if (password != "pass_good" && !password.starts_with("mfa_")) {
			fail("INVALID_CREDENTIALS");
		}
		return;
	}
	if (username != "user_transactions_dynamic" && username != "user_custom" && username != "user_empty" &&
	    username != "user_bulk" && username != "user_odd" && !is_persona(username)) {
		fail("INVALID_CREDENTIALS");
	}
}

void fill_item(Item &item, World &world, const std::string &password) {
	if (item.username == "user_custom") {
		fill_custom(item, world, password);
		return;
	}
	if (item.username == "user_empty") {
		return;
	}
	if (item.username == "user_odd") {
		fill_odd_item(item, world, password);
		return;
	}
	add_default_accounts(item, world);
	if (item.username == "user_transactions_dynamic") {
		add_dynamic(item, world, 50);
	} else if (item.username == "user_bulk") {
		add_bulk(item, world, password);
	} else {
		add_habits(item, world);
	}
}

Refreshed refresh_item(Item &item, World &world) {
	Refreshed out;
	++item.refreshes;
	if (item.username == "user_transactions_dynamic") {
		out.removed = post_pending(item, world);
		out.modified = raise_one(item, world) ? 1 : 0;
		out.added = out.removed.size() + add_pending(item, world, 3);
	} else if (is_persona(item.username) && item.refreshes % 2 == 0) {
		out.added = add_pending(item, world, 1);
	}
	return out;
}

} // namespace ob::sandbox::plaid
