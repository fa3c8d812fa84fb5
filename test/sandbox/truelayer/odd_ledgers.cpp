#include "odd_ledgers.hpp"

#include <algorithm>
#include <array>

#include "rows.hpp"

namespace ob::sandbox::truelayer {

namespace {

struct OddLedger {
	std::string_view name;
	std::string_view accounts;     ///< JSON array; of each account what is odd about it, `card` for a card
	std::string_view transactions; ///< likewise; `account` is its place in the list, `omit` names absent fields
};

constexpr std::array kLedgers = {
    OddLedger{"signs", R"([{"display_name": "Account"}, {"card": true, "display_name": "Card"}])",
              R"([{"transaction_type": "CREDIT", "amount": -20.5}, {"transaction_type": "DEBIT", "amount": 20.5},
{"transaction_type": "SIDEWAYS", "amount": 3.10}, {"omit": ["transaction_type"], "amount": -3.10}, {"transaction_type": "", "amount": 0},
{"account": 1, "transaction_type": "DEBIT", "amount": 7.25}, {"account": 1, "transaction_type": "CREDIT", "amount": -7.25},
{"account": 1, "transaction_type": "CREDIT", "amount": 7.25}, {"account": 1, "omit": ["transaction_type"], "amount": 7.25},
{"transaction_type": "debit", "amount": -1.00}, {"pending": true, "transaction_type": "DEBIT", "amount": 24.25}])"},
    OddLedger{
        "amounts",
        R"([{"balance": {"current": 0.30000000000000004, "available": -0.00, "overdraft": 1.5e3}},
{"display_name": "Rich", "balance": {"current": 99999999999999999999.99}},
{"card": true, "display_name": "Overpaid", "balance": {"current": -12.30, "available": "3312.30", "credit_limit": 3300}}])",
        R"([{"amount": -12345678901234.56}, {"amount": -1e-8}, {"amount": -0.1}, {"amount": -0.2}, {"amount": -1.005},
{"amount": -0.00}, {"amount": 0}, {"amount": 1E+3}, {"amount": 5.10}, {"amount": 9007199254740993}, {"amount": 18446744073709551616},
{"amount": 123456789012345678901234567890.5}, {"amount": 1e40}, {"amount": "12.30"}, {"amount": null}, {"omit": ["amount"]}])"},
    OddLedger{
        "times", "[{}]",
        R"([{"timestamp": "2026-03-01"}, {"timestamp": "2026-03-01T00:00:00"}, {"timestamp": "2026-03-01T00:00:00Z"},
{"timestamp": "2026-03-01T12:34:56.123456789Z"}, {"timestamp": "2026-03-01T23:30:00-05:00"}, {"timestamp": "2026-03-01T00:30:00+02:00"},
{"timestamp": "2026-02-247T17:29:24.740802Z"}, {"timestamp": "0001-01-01T00:00:00Z"}, {"timestamp": "2026-03"}, {"timestamp": ""},
{"timestamp": null}, {"omit": ["timestamp"]}])"},
    OddLedger{
        "nulls",
        R"([{"display_name": "", "account_type": null, "account_number": {}}, {"account_number": null, "currency": null},
{"account_number": {"iban": "", "number": null, "sort_code": "", "swift_bic": "NOT_SUPPORTED_BY_GEO"}},
{"card": true, "card_network": null, "partial_card_number": null, "provider": null}])",
        R"([{"merchant_name": null, "meta": null, "running_balance": null, "normalised_provider_transaction_id": null},
{"merchant_name": "", "meta": {}, "running_balance": {}, "transaction_classification": null, "transaction_category": null},
{"omit": ["normalised_provider_transaction_id", "provider_transaction_id", "meta", "transaction_classification", "transaction_category"]},
{"omit": ["transaction_id"]}, {"omit": ["currency"]}, {"omit": ["description"]}, {"description": ""}])"},
    OddLedger{
        "enums",
        R"([{"account_type": "MOON_BASE", "currency": "JPY", "brand_new": {"a": [1, {"b": null}]}},
{"account_type": "BUSINESS_SAVINGS", "currency": "KWD"}, {"card": true, "card_network": "PIGEON", "card_type": "CHARGE"}])",
        R"([{"transaction_category": "TELEPATHY", "transaction_classification": ["One", "Two", "Three"]}, {"currency": "BTC"},
{"brand_new": true, "meta": {"deep": {"deeper": [[], {}, ""]}}}, {"running_balance": {"amount": 12.34, "currency": "EUR"}}])"},
    OddLedger{"names", R"([{"display_name": "'; DROP TABLE accounts; --"}])",
              R"([{"description": "2026-01-01"}, {"description": "NULL"}, {"description": "$1 %s %I {} \\ \\N \\."},
{"description": "tab\tline\nreturn\rend"}, {"description": "\"quoted\" 'single'"}, {"description": "caf\u00e9 \ud83d\ude00 \u202eback"},
{"description": "zero \u0000 byte"}, {"description": "half \ud83d of a pair"}])"},
    OddLedger{
        "ids", "[{}]",
        R"([{"transaction_id": "abc"}, {"transaction_id": "ABC"}, {"transaction_id": "7"}, {"transaction_id": "007"},
{"transaction_id": "a/b+c=d%20e?f&g"}, {"transaction_id": "it's \"quoted\" \\ $1"}, {"transaction_id": "caf\u00e9"}])"},
    OddLedger{
        "duplicates", "[{}]",
        R"([{"description": "COFFEE", "amount": -2.50}, {"description": "COFFEE", "amount": -2.50}, {"description": "COFFEE", "amount": -2.50},
{"description": "COFFEE", "amount": -2.5}, {"description": "COFFEE ", "amount": -2.50}])"},
};

const OddLedger *find_ledger(const std::string &name) {
	const auto *found =
	    std::find_if(kLedgers.begin(), kLedgers.end(), [&](const OddLedger &ledger) { return ledger.name == name; });
	return found == kLedgers.end() ? nullptr : found;
}

std::size_t place_of(const RawObject &given) {
	return static_cast<std::size_t>(std::atoi(given.get("account").value_or("0").c_str()));
}

void add_row(Item &item, World &world, const Bank &bank, RawObject given) {
	const auto account = static_cast<std::uint32_t>(place_of(given));
	const std::string omitted = given.get("omit").value_or("[]");
	const bool pending = given.get("pending") == "true";
	given.erase("account");
	given.erase("omit");
	RawObject row = row_from(world, item, bank, account, pending, given);
	for (const std::string &name : raw_elements(omitted)) {
		row.erase(decode_string(name));
	}
	Transaction transaction = make_transaction(row, account, pending, day_of(world.clock.now()));
	if (transaction.id.empty()) {
		transaction.id = world.ids.alphanumeric(32); // the row goes out without an id; the ledger needs one
	}
	item.transactions.add(std::move(transaction), true);
}

} // namespace

bool is_odd_ledger(const std::string &name) {
	return find_ledger(name) != nullptr;
}

void fill_odd_item(Item &item, World &world, const Bank &bank, const std::string &ledger) {
	const OddLedger &found = *find_ledger(ledger);
	for (const std::string &text : raw_elements(found.accounts)) {
		RawObject given = RawObject::parse(text).value_or(RawObject{});
		const bool card = given.get("card") == "true";
		given.erase("card");
		item.accounts.push_back(account_from(world, bank, card, given));
	}
	for (const std::string &text : raw_elements(found.transactions)) {
		add_row(item, world, bank, RawObject::parse(text).value_or(RawObject{}));
	}
}

} // namespace ob::sandbox::truelayer
