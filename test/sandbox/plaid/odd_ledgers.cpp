#include "odd_ledgers.hpp"

#include <algorithm>
#include <array>

#include "errors.hpp"
#include "rows.hpp"

namespace ob::sandbox::plaid {

namespace {

struct OddLedger {
	std::string_view name;
	std::string_view accounts; ///< JSON array; of each account what is odd about it
	std::string_view
	    transactions; ///< likewise; without account_id they are of the first account, `omit` names absent fields
};

constexpr std::array kLedgers = {
    OddLedger{"currencies",
              R"([{"account_id": "usd", "name": "Dollars"},
{"account_id": "jpy", "name": "No decimals", "balances": {"iso_currency_code": "JPY", "current": 120000}},
{"account_id": "kwd", "name": "Three decimals", "balances": {"iso_currency_code": "KWD", "current": 1.234}},
{"account_id": "btc", "name": "Unofficial", "type": "investment", "subtype": "crypto exchange",
 "balances": {"iso_currency_code": null, "unofficial_currency_code": "BTC", "current": 0.12345678, "available": null}},
{"account_id": "none", "name": "Unknown", "balances": {"iso_currency_code": null, "unofficial_currency_code": null}}])",
              R"([{"account_id": "usd"}, {"account_id": "usd", "iso_currency_code": "EUR", "amount": 3.20},
{"account_id": "jpy", "iso_currency_code": "JPY", "amount": 1500},
{"account_id": "kwd", "iso_currency_code": "KWD", "amount": 1.005},
{"account_id": "usd", "iso_currency_code": null, "unofficial_currency_code": "BTC", "amount": 0.00000001},
{"account_id": "usd", "iso_currency_code": null, "unofficial_currency_code": "USDC", "amount": 10},
{"account_id": "none", "iso_currency_code": null, "unofficial_currency_code": null, "amount": 7}])"},
    OddLedger{
        "amounts",
        R"([{"balances": {"available": -0.00, "current": 0.30000000000000004, "limit": 1.5e4}},
{"name": "Rich", "balances": {"available": 12345678901234.56, "current": 99999999999999999999.99}},
{"name": "Overpaid card", "type": "credit", "subtype": "credit card", "balances": {"available": null, "current": -12.30, "limit": 0}}])",
        R"([{"amount": 12345678901234.56}, {"amount": 1e-8}, {"amount": 0.00000001}, {"amount": 0.30000000000000004},
{"amount": 0.1}, {"amount": 0.2}, {"amount": 1.005}, {"amount": 2.675}, {"amount": -0.00}, {"amount": 0}, {"amount": 0.0},
{"amount": -0}, {"amount": 5}, {"amount": 5.0}, {"amount": 5.10}, {"amount": 1E+3}, {"amount": 1.50e2}, {"amount": -1.5E-3},
{"amount": 1e0}, {"amount": 9007199254740993}, {"amount": 18446744073709551616}, {"amount": 99999999999999999999.99},
{"amount": 123456789012345678901234567890.5}, {"amount": 0.1234567890123456789}, {"amount": -2500.00}, {"amount": 1e15}])"},
    OddLedger{
        "nulls",
        R"([{"name": "Nothing known", "mask": null, "official_name": null, "subtype": null, "holder_category": null,
 "verification_status": null, "balances": {"available": null, "current": null, "limit": null, "iso_currency_code": null, "unofficial_currency_code": null}},
{"name": "", "mask": "", "official_name": "", "verification_status": ""}])",
        R"([{"datetime": null, "authorized_date": null, "authorized_datetime": null, "merchant_name": null,
 "merchant_entity_id": null, "original_description": null, "check_number": null, "account_owner": null, "category": null,
 "category_id": null, "transaction_code": null, "personal_finance_category": null, "counterparties": null, "logo_url": null, "website": null,
 "business_finance_category": null, "client_customization": null, "merchant_category_code": null, "running_balance": null},
{"location": null, "payment_meta": null, "personal_finance_category_icon_url": null, "payment_channel": null},
{"omit": ["merchant_name", "merchant_entity_id", "check_number", "category", "category_id", "transaction_type", "logo_url", "website",
 "personal_finance_category", "personal_finance_category_icon_url", "counterparties"]},
{"omit": ["iso_currency_code", "unofficial_currency_code", "datetime", "authorized_date", "authorized_datetime", "account_owner",
 "pending_transaction_id", "transaction_code", "location", "payment_meta", "payment_channel"]},
{"merchant_name": "", "merchant_entity_id": "", "check_number": "", "account_owner": "", "website": "", "logo_url": "", "category": [],
 "counterparties": [], "pending_transaction_id": ""},
{"counterparties": [{"name": "Sparse", "type": "merchant", "website": null, "logo_url": null, "entity_id": null, "confidence_level": null,
  "account_numbers": {"bacs": null, "international": {"iban": null, "bic": "PLATUS33"}}}],
 "personal_finance_category": {"primary": "INCOME", "detailed": "INCOME_WAGES", "confidence_level": null}}])"},
    OddLedger{
        "enums",
        R"([{"name": "Unknown type", "type": "moonbase", "subtype": "dome", "holder_category": "alien", "brand_new": {"a": [1, {"b": null}]}},
{"name": "Unknown subtype", "subtype": "piggy bank", "verification_status": "half_verified", "apy": 4.25},
{"name": "Old type", "type": "brokerage", "subtype": "brokerage"}])",
        R"([{"payment_channel": "pigeon", "transaction_code": "quantum leap", "transaction_type": "telepathic"},
{"transaction_code": "cash advance"}, {"transaction_code": "late fee"},
{"personal_finance_category": {"primary": "MOON_TRAVEL", "detailed": "MOON_TRAVEL_CHEESE", "confidence_level": "CERTAIN", "version": "v3"}},
{"counterparties": [{"name": "X", "type": "wormhole", "website": null, "logo_url": null, "entity_id": null, "confidence_level": "GUESS"}]},
{"brand_new": true, "running_balance": 12.34, "merchant_category_code": "5411", "nested": {"deep": {"deeper": [[], {}, ""]}}}])"},
    OddLedger{
        "names", R"([{"name": "'; DROP TABLE accounts; --", "official_name": "NULL", "mask": "00AB"}])",
        R"([{"name": "2026-01-01"}, {"name": "12345"}, {"name": "1e5"}, {"name": "-0"}, {"name": "NULL"}, {"name": "null"},
{"name": "true"}, {"name": "'; DROP TABLE transactions; --"}, {"name": "$1 %s %I {} \\ \\N \\."}, {"name": "\"quoted\" 'single' `back`"},
{"name": "tab\tline\nreturn\rend"}, {"name": "  blanks  "}, {"name": ""}, {"name": "a,b;c|d"}, {"name": "<script>alert(1)</script>"},
{"name": "{\"json\": [1, 2]}"}, {"name": "C:\\temp\\u0041"}, {"name": "10:00:00"}, {"name": "infinity"}, {"name": "NaN"}])"},
    OddLedger{
        "ids", R"([{"account_id": "Acc"}, {"account_id": "acc"}, {"account_id": "ACC"}])",
        R"([{"transaction_id": "abc", "account_id": "Acc"}, {"transaction_id": "ABC", "account_id": "acc"}, {"transaction_id": "aBc", "account_id": "ACC"},
{"transaction_id": "7", "account_id": "Acc"}, {"transaction_id": "007", "account_id": "Acc"}, {"transaction_id": " 7", "account_id": "Acc"},
{"transaction_id": "a/b+c=d%20e?f&g", "account_id": "Acc"}, {"transaction_id": "it's \"quoted\" \\ $1", "account_id": "Acc"},
{"transaction_id": "stra\u00dfe", "account_id": "Acc"}, {"transaction_id": "STRASSE", "account_id": "Acc"},
{"transaction_id": "caf\u00e9", "account_id": "Acc"}, {"transaction_id": "cafe\u0301", "account_id": "Acc"},
{"transaction_id": "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", "account_id": "Acc"}])"},
    OddLedger{
        "times", "[{}]",
        R"([{"datetime": "2026-03-01T12:34:56.123456789Z", "authorized_datetime": "2026-02-28T23:59:59.999999999Z"},
{"datetime": "2026-03-01T00:00:00Z", "authorized_datetime": "2026-03-01T00:00:00Z"}, {"datetime": "2026-03-01T05:30:00+05:30"},
{"datetime": "2026-03-01T12:00:00.1-08:00"}, {"datetime": "2024-02-29T12:00:00Z", "authorized_date": "2024-02-29"},
{"datetime": "2026-12-31T23:59:59.9999999Z"}, {"authorized_date": "1970-01-01", "authorized_datetime": "1969-12-31T23:59:59Z"},
{"authorized_date": "9999-12-31", "authorized_datetime": "9999-12-31T23:59:59.999999999Z"}])"},
    OddLedger{
        "unicode", "[{\"name\": \"Konto 💰 für Übersee\", \"official_name\": \"Счёт №1\"}]",
        "[{\"name\": \"Pizza 🍕🧑‍🍳 \\ud83c\\udf55\"}, {\"name\": \"قهوة الصباح\"}, {\"name\": "
        "\"abc "
        "\\u202edcba\\u202c end\"},\n"
        "{\"name\": \"caf\\u00e9\"}, {\"name\": \"cafe\\u0301\"}, {\"name\": \"日本語の店\"}, {\"name\": "
        "\"\\ufeffBOM and \\u200bnothing\"},\n"
        "{\"name\": \"\\uffff \\ufdd0 \\u0001 \\u001f \\u007f \\u0085\"}, {\"name\": "
        "\"👩‍👩‍👧‍👦🇩🇪\"}, "
        "{\"name\": \"Z̷̡̛͖a̷l̷g̷o̷\"},\n"
        "{\"name\": \"\\u2028line\\u2029paragraph\"}, {\"n\\u0061me\": \"key with an escape\"}]"},
    OddLedger{
        "duplicates", "[{}]",
        R"([{"name": "Coffee", "amount": 4.5}, {"name": "Coffee", "amount": 4.5}, {"name": "Coffee", "amount": 4.5, "pending": true},
{"name": "Coffee", "amount": -4.5}])"},
    OddLedger{"nul", "[{}]", R"([{"name": "before\u0000after"}, {"merchant_name": "\u0000"}, {}])"},
    OddLedger{
        "surrogates", "[{}]",
        R"([{"name": "high \ud83c alone"}, {"merchant_name": "low \udf55 alone"}, {"name": "\udf55\ud83c"}, {}])"},
};

struct TypeNames {
	std::string_view type;
	std::string_view subtypes; ///< each ends with a comma
};

constexpr std::array kTypes = {
    TypeNames{"depository", "checking,savings,hsa,cd,money market,paypal,prepaid,cash management,ebt,"
                            "limited purpose checking,"},
    TypeNames{"credit", "credit card,paypal,charge card,"},
    TypeNames{"loan",
              "auto,business,commercial,construction,consumer,home equity,loan,mortgage,overdraft,line of credit,"
              "student,other,commercial line of credit,home equity loan,installment,"},
    TypeNames{
        "investment",
        "529,401a,401k,403B,457b,brokerage,cash isa,crypto exchange,education savings account,fhsa,fixed annuity,gic,"
        "health reimbursement arrangement,hsa,ira,isa,keogh,lif,life insurance,line of credit,lira,lrif,lrsp,mutual "
        "fund,"
        "non-custodial wallet,non-taxable brokerage account,other,other annuity,other insurance,pension,prif,"
        "profit sharing plan,qshr,rdsp,resp,retirement,rlif,roth,roth 401k,roth 403B,roth 457b,roth pension,"
        "roth profit sharing plan,roth thrift savings plan,rrif,rrsp,sarsep,sep ira,simple ira,sipp,stock plan,"
        "thrift savings plan,tfsa,trust,ugma,utma,variable annuity,prediction market,"},
    TypeNames{"other", "other,payroll,"},
    TypeNames{"brokerage", "brokerage,"},
};

// Those that Plaid has transactions for.
bool has_transactions(std::string_view type, std::string_view subtype) {
	return type == "depository" || type == "credit" || (type == "loan" && subtype == "student");
}

void add_row(Item &item, World &world, const std::string &account_id, const RawObject &given) {
	RawObject row = row_from(world, account_id, given);
	for (const std::string &field : raw_elements(given.get("omit").value_or("[]"))) {
		row.erase(decode_string(field));
	}
	row.erase("omit");
	item.transactions.add(make_transaction(item, row, day_of(world.clock.now())), false);
}

void fill_with_types(Item &item, World &world) {
	for (const TypeNames &names : kTypes) {
		std::string_view rest = names.subtypes;
		while (!rest.empty()) {
			const std::string_view subtype = rest.substr(0, rest.find(','));
			rest.remove_prefix(subtype.size() + 1);
			RawObject given;
			given.set("type", json_string(names.type));
			given.set("subtype", json_string(subtype));
			given.set("name", json_string(std::string(names.type) + " / " + std::string(subtype)));
			item.accounts.push_back(account_from(world, given));
			if (has_transactions(names.type, subtype)) {
				add_row(item, world, item.accounts.back().id, RawObject{});
			}
		}
	}
}

void fill_with_long_texts(Item &item, World &world) {
	const auto text = [](std::size_t size) { return json_string(std::string(size, 'x')); };
	RawObject account;
	account.set("name", text(10'000));
	account.set("official_name", text(100'000));
	item.accounts.push_back(account_from(world, account));
	RawObject row;
	row.set("name", text(100'000));
	row.set("original_description", text(1'000'000));
	row.set("check_number", text(1000));
	add_row(item, world, item.accounts.back().id, row);
	std::string parties;
	for (int n = 0; n < 1000; ++n) {
		parties += std::string(n == 0 ? "[" : ",") + R"({"name": "Party )" + std::to_string(n) +
		           R"(", "type": "merchant", "website": null, "logo_url": null})";
	}
	RawObject crowd;
	crowd.set("counterparties", parties + "]");
	add_row(item, world, item.accounts.back().id, crowd);
	RawObject deep;
	deep.set("brand_new", std::string(500, '[') + std::string(500, ']'));
	add_row(item, world, item.accounts.back().id, deep);
}

// Ids of a ledger's own get a number of the item's, since no two items share an id.
void make_own(RawObject &object, const char *field, const std::string &number) {
	if (object.get(field)) {
		object.set(field, json_string(object.text_of(field) + number));
	}
}

void fill_from(Item &item, World &world, const OddLedger &ledger) {
	const std::string number = std::to_string(1'000'000'000 + world.ids.number(1'000'000'000));
	const std::size_t first = item.accounts.size();
	for (const std::string &text : raw_elements(ledger.accounts)) {
		RawObject given = RawObject::parse(text).value_or(RawObject{});
		make_own(given, "account_id", number);
		item.accounts.push_back(account_from(world, given));
	}
	for (const std::string &text : raw_elements(ledger.transactions)) {
		RawObject given = RawObject::parse(text).value_or(RawObject{});
		make_own(given, "account_id", number);
		make_own(given, "transaction_id", number);
		add_row(item, world, item.accounts[first].id, given);
	}
}

// What text columns of PostgreSQL cannot hold, or not at this size, is not among everything.
bool is_for_everybody(const OddLedger &ledger) {
	return ledger.name != "nul" && ledger.name != "surrogates";
}

} // namespace

std::vector<std::string_view> odd_ledger_names() {
	std::vector<std::string_view> out = {"account_types", "long", "all"};
	for (const OddLedger &ledger : kLedgers) {
		out.push_back(ledger.name);
	}
	return out;
}

void fill_odd_item(Item &item, World &world, const std::string &ledger) {
	if (ledger == "account_types" || ledger == "all") {
		fill_with_types(item, world);
	}
	if (ledger == "long") {
		fill_with_long_texts(item, world);
	}
	for (const OddLedger &known : kLedgers) {
		if (ledger == known.name || (ledger == "all" && is_for_everybody(known))) {
			fill_from(item, world, known);
		}
	}
	if (item.accounts.empty()) {
		std::string names;
		for (const std::string_view name : odd_ledger_names()) {
			names.append(names.empty() ? "" : ", ").append(name);
		}
		fail("INVALID_CREDENTIALS", "the password of user_odd must be one of " + names);
	}
}

} // namespace ob::sandbox::plaid
