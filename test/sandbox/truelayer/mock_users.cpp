#include "mock_users.hpp"

#include <algorithm>
#include <array>

#include "odd_ledgers.hpp"
#include "rows.hpp"

namespace ob::sandbox::truelayer {

namespace {

using std::chrono::days;

constexpr std::string_view kFailing = "error."; // logs in, and then every call fails with what follows
constexpr int kHistoryDays = 800;

struct Habit {
	std::string_view description;
	std::string_view merchant; ///< empty: none
	std::string_view category;
	std::string_view classification; ///< JSON
	std::size_t account;             ///< 0 current, 1 savings, 2 card
	int every;                       ///< days
	int first;                       ///< age in days of the latest one
	std::int64_t cents;              ///< positive: leaves the user
};

constexpr std::array kHabits = {
    Habit{"TFL TRAVEL CH", "TfL", "PURCHASE", R"(["Auto & Transport","Public transport"])", 0, 5, 1, 280},
    Habit{"SAINSBURYS S/MKT", "Sainsburys", "PURCHASE", R"(["Shopping","Groceries"])", 0, 7, 2, 4312},
    Habit{"COUNCIL TAX", "", "DIRECT_DEBIT", R"(["Bills and Utilities","Government"])", 0, 30, 9, 14200},
    Habit{"ACME LTD SALARY", "", "CREDIT", R"([])", 0, 30, 11, -245000},
    Habit{"CASH NOTEMACHINE", "", "ATM", R"(["Uncategorized","Cash"])", 0, 21, 4, 5000},
    Habit{"TO SAVINGS", "", "STANDING_ORDER", R"([])", 0, 30, 10, 20000},
    Habit{"FROM CURRENT ACCOUNT", "", "TRANSFER", R"([])", 1, 30, 10, -20000},
    Habit{"GROSS INTEREST", "", "INTEREST", R"([])", 1, 90, 20, -312},
    Habit{"AMAZON UK RETAIL", "Amazon", "PURCHASE", R"(["Shopping","General"])", 2, 9, 3, 1899},
    Habit{"GOOGLE PLAY STORE", "Google play", "PURCHASE", R"(["Entertainment","Games"])", 2, 30, 6, 299},
    Habit{"PAYMENT RECEIVED THANK YOU", "", "BILL_PAYMENT", R"([])", 2, 30, 8, -6500},
};

std::string wire_amount(std::int64_t leaving, bool card) {
	return amount_text(card ? leaving : -leaving);
}

void add_row(Item &item, World &world, const Bank &bank, std::uint32_t account, bool pending, const RawObject &given) {
	const RawObject row = row_from(world, item, bank, account, pending, given);
	item.transactions.add(make_transaction(row, account, pending, day_of(world.clock.now())), true);
}

std::string midnight(Day day) {
	return json_string(format_date(day) + "T00:00:00");
}

// The accounts that a bank shows: those its scopes allow.
void add_accounts(Item &item, World &world, const Bank &bank, bool with_iban) {
	const auto offers = [&](std::string_view scope) {
		return std::find(bank.scopes.begin(), bank.scopes.end(), scope) != bank.scopes.end();
	};
	if (offers("accounts")) {
		for (const char *fields : {R"({"account_type":"TRANSACTION","display_name":"TRANSACTION ACCOUNT 1"})",
		                           R"({"account_type":"SAVINGS","display_name":"SAVINGS ACCOUNT 1"})"}) {
			RawObject given = RawObject::parse(fields).value_or(RawObject{});
			if (with_iban && bank.country == "uk") {
				const std::string number = make_national_number(world, bank.country);
				given.set("account_number", ObjectText{}
				                                .string("iban", make_iban("GB", number))
				                                .string("number", number.substr(10))
				                                .string("sort_code", "01-21-31")
				                                .string("swift_bic", "CPBKGB00")
				                                .end());
			}
			item.accounts.push_back(account_from(world, bank, false, given));
		}
	}
	if (offers("cards")) {
		const RawObject given =
		    RawObject::parse(R"({"display_name":"Club Credit Card","card_network":"VISA"})").value_or(RawObject{});
		item.accounts.push_back(account_from(world, bank, true, given));
	}
}

// Where the accounts of the habits are in an item; nothing where it has none.
std::array<std::optional<std::uint32_t>, 3> places_of(const Item &item) {
	std::array<std::optional<std::uint32_t>, 3> out;
	for (std::uint32_t index = 0; index < item.accounts.size(); ++index) {
		const Account &account = item.accounts[index];
		const bool saves = account.fields.text_of("account_type") == "SAVINGS";
		out.at(account.card ? 2 : saves ? 1 : 0) = index;
	}
	return out;
}

void add_habits(Item &item, World &world, const Bank &bank) {
	const Day today = day_of(world.clock.now());
	const auto places = places_of(item);
	std::array<std::int64_t, 3> balance = {150'000, 40'000, 2'000}; // of a card: owed
	for (int age = kHistoryDays; age >= 1; --age) {
		for (const Habit &habit : kHabits) {
			const auto place = places.at(habit.account);
			if (!place || age < habit.first || (age - habit.first) % habit.every != 0) {
				continue;
			}
			const bool card = habit.account == 2;
			balance.at(habit.account) += card ? habit.cents : -habit.cents;
			RawObject given;
			given.set("timestamp", midnight(today - days{age}));
			given.set("description", json_string(habit.description));
			given.set("amount", wire_amount(habit.cents, card));
			given.set("transaction_category", json_string(habit.category));
			given.set("transaction_classification", habit.classification);
			if (!habit.merchant.empty()) {
				given.set("merchant_name", json_string(habit.merchant));
			}
			given.set("running_balance", ObjectText{}
			                                 .raw("amount", amount_text(balance.at(habit.account)))
			                                 .string("currency", item.accounts[*place].fields.text_of("currency"))
			                                 .end());
			add_row(item, world, bank, *place, false, given);
		}
	}
	for (std::size_t n = 0; n < places.size(); ++n) {
		if (const auto place = places.at(n)) {
			RawObject &shown = item.accounts[*place].balances;
			shown.set("current", amount_text(balance.at(n)));
			shown.set("available", amount_text(n == 2 ? 330'000 - balance.at(n) : balance.at(n) + 100'000));
		}
	}
}

// As at the real mock bank: type and sign that disagree, and rows that are still on their way.
void add_curiosities(Item &item, World &world, const Bank &bank) {
	const auto places = places_of(item);
	const Day today = day_of(world.clock.now());
	const auto add = [&](std::size_t where, bool pending, const char *fields) {
		if (const auto place = places.at(where)) {
			RawObject given = RawObject::parse(fields).value_or(RawObject{});
			given.set("timestamp", midnight(today - days{1}));
			add_row(item, world, bank, *place, pending, given);
		}
	};
	add(0, false, R"({"description":"REFUND THAT LOOKS LIKE A PAYMENT","amount":-20.5,"transaction_type":"CREDIT"})");
	add(0, true, R"({"description":"SHOP ON THE CORNER","amount":24.25,"transaction_type":"DEBIT"})");
	add(0, true, R"({"description":"COFFEE","amount":-3.40,"transaction_type":"DEBIT"})");
	add(2, true, R"({"description":"PETROL STATION","amount":46.82,"transaction_type":"DEBIT"})");
}

void add_mandates(Item &item, Connection &connection, World &world) {
	const auto place = places_of(item)[0];
	if (!place) {
		return;
	}
	const std::string now = format_time(world.clock.now(), 3);
	const std::string meta = ObjectText{}.string("provider_account_id", "1000000000000000001").end();
	// The contract declares amounts as text and shows numbers; both occur.
	const std::string order = ObjectText{}
	                              .string("frequency", "IntrvlMnthDay:01:10")
	                              .string("status", "Active")
	                              .string("timestamp", now)
	                              .string("currency", "GBP")
	                              .raw("meta", meta)
	                              .raw("next_payment_amount", "200.00")
	                              .string("first_payment_amount", "200.00")
	                              .string("final_payment_date", "9999-12-31T00:00:00+00:00")
	                              .string("payee", "J DOE")
	                              .string("reference", "SAVINGS")
	                              .end();
	connection.standing_orders[*place] = {order};
	connection.direct_debits[*place] = {ObjectText{}
	                                        .string("direct_debit_id", "")
	                                        .string("timestamp", now)
	                                        .string("name", "COUNCIL TAX")
	                                        .string("status", "Active")
	                                        .raw("previous_payment_amount", "142.00")
	                                        .string("currency", "GBP")
	                                        .raw("meta", ObjectText{}
	                                                         .string("provider_mandate_identification", "6")
	                                                         .string("provider_account_id", "1000000000000000001")
	                                                         .end())
	                                        .end()};
}

// "john", "john1" … "john100" for the name "john".
bool is_numbered(const std::string &text, std::string_view name, std::string &number) {
	if (!text.starts_with(name)) {
		return false;
	}
	number = text.substr(name.size());
	const bool digits =
	    number.size() <= 3 && std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
	return number.empty() || (digits && number.front() != '0' && std::stoi(number) <= 100);
}

} // namespace

bool is_login(const std::string &username, const std::string &password) {
	std::string user;
	std::string word;
	if (is_numbered(username, "john", user)) {
		return (is_numbered(password, "doe", word) && word == user) || is_numbered(password, "iban", word) ||
		       (user.empty() && password == "eternal");
	}
	if (username.starts_with(kFailing)) {
		return password == "error";
	}
	return username == "user_empty" || username == "user_cards" || username == "user_bulk" ||
	       (username == "user_odd" && is_odd_ledger(password));
}

void fill_item(Item &item, Connection &connection, World &world, const Bank &bank, const std::string &password) {
	connection.extends_alone = password == "eternal";
	if (item.username == "user_empty") {
		return;
	}
	if (item.username == "user_odd") {
		fill_odd_item(item, world, bank, password);
		return;
	}
	if (item.username == "user_cards") {
		item.accounts.push_back(account_from(world, bank, true, {}));
		add_habits(item, world, bank);
		return;
	}
	add_accounts(item, world, bank, password.starts_with("iban"));
	if (item.username == "user_bulk") {
		for (std::uint32_t index = 0; index < item.accounts.size(); ++index) {
			add_generated(item, world, bank, index, Json::parse(password));
		}
		return;
	}
	if (item.username.starts_with(kFailing)) {
		connection.error = item.username.substr(kFailing.size());
	}
	add_habits(item, world, bank);
	add_curiosities(item, world, bank);
	add_mandates(item, connection, world);
}

void add_generated(Item &item, World &world, const Bank &bank, std::uint32_t account, const Json &words) {
	Ids dice(static_cast<std::uint64_t>(words.integer_of("seed", 1)) * 1'000'003 + account);
	const auto until = words.has("until") ? parse_date(words.text_of("until")) : day_of(world.clock.now());
	const std::int64_t span = std::max<std::int64_t>(1, words.integer_of("days", 90));
	const std::int64_t count = words.integer_of("count", 1000);
	if (!until || count < 0 || count > 1'000'000) {
		fail("validation_error", "until must be a date, count at most 1000000");
	}
	for (std::int64_t n = 0; n < count; ++n) {
		const Habit &habit = kHabits.at(dice.number(kHabits.size()));
		const std::int64_t cents = 1 + static_cast<std::int64_t>(dice.number(90'000));
		RawObject given;
		given.set("transaction_id", json_string(hex(sha256(item.id + dice.uuid())).substr(0, 32)));
		given.set("timestamp",
		          midnight(*until - days{static_cast<int>(dice.number(static_cast<std::uint64_t>(span)))}));
		given.set("description",
		          json_string(std::string(habit.description) + " " + std::to_string(dice.number(100'000))));
		given.set("amount", wire_amount(habit.cents < 0 ? -cents : cents, item.accounts[account].card));
		given.set("transaction_category", json_string(habit.category));
		given.set("transaction_classification", habit.classification);
		if (!habit.merchant.empty()) {
			given.set("merchant_name", json_string(habit.merchant));
		}
		add_row(item, world, bank, account, false, given);
	}
}

} // namespace ob::sandbox::truelayer
