#include "rows.hpp"

#include <algorithm>
#include <cstdlib>

namespace ob::sandbox::truelayer {

namespace {

constexpr std::size_t kIdSize = 32;
constexpr std::string_view kIdStart = "{\"transaction_id\":\"";

std::string id_from(std::string_view text) {
	return hex(sha256(text)).substr(0, kIdSize);
}

std::string digits(World &world, std::size_t count) {
	std::string out;
	while (out.size() < count) {
		out.push_back(static_cast<char>('0' + world.ids.number(10)));
	}
	return out;
}

void set_default(RawObject &object, std::string_view key, std::string_view json) {
	if (!object.get(key)) {
		object.set(key, json);
	}
}

std::string with_timestamp(const RawObject &object, Time now) {
	if (object.get("update_timestamp")) {
		return object.dump();
	}
	RawObject out = object;
	out.set("update_timestamp", json_string(format_time(now, 6)));
	return out.dump();
}

} // namespace

RawObject row_from(World &world, const Item &item, const Bank &bank, std::uint32_t account, bool pending,
                   const RawObject &given) {
	const Account &its = item.accounts[account];
	const std::string given_id = given.text_of("transaction_id");
	const std::string id = given_id.empty() ? id_from(world.ids.uuid()) : given_id;
	const auto amount = given.get("amount");
	// TrueLayer: what leaves an account is negative, what is bought with a card positive.
	const bool debit = given.get("transaction_type") ? given.text_of("transaction_type") != "CREDIT"
	                   : amount                      ? amount->starts_with('-') != its.card
	                                                 : true;
	RawObject row;
	row.set("transaction_id", json_string(id));
	if (bank.normalised_ids && !pending) {
		// The same for the same row, should it come back.
		row.set("normalised_provider_transaction_id", json_string("txn-" + id_from(item.id + "\n" + id).substr(0, 17)));
		row.set("provider_transaction_id", json_string(id_from(id + "\n" + item.id).substr(0, 12)));
	}
	row.set("timestamp", json_string(format_date(day_of(world.clock.now())) + "T00:00:00"));
	row.set("description", json_string("CORNER BAKERY 3322"));
	row.set("amount", debit == its.card ? "1.00" : "-1.00");
	const auto currency = its.fields.get("currency");
	row.set("currency", currency && currency->starts_with('"') ? *currency : "\"GBP\"");
	row.set("transaction_type", debit ? "\"DEBIT\"" : "\"CREDIT\"");
	row.set("transaction_category", debit ? "\"PURCHASE\"" : "\"CREDIT\"");
	row.set("transaction_classification", "[]");
	row.set("meta", its.card ? R"({"cardNumber":"1234********5678","location":"INTERNET"})"
	                         : R"({"provider_transaction_category":"DEB"})");
	row.merge(given);
	row.erase("account_id");
	row.erase("pending");
	return row;
}

Transaction make_transaction(const RawObject &row, std::uint32_t account, bool pending, Day today) {
	Transaction out;
	out.id = row.text_of("transaction_id");
	out.account = account;
	out.date = parse_date(row.text_of("timestamp").substr(0, 10)).value_or(today);
	out.pending = pending;
	out.head = row.dump();
	out.head.pop_back();
	return out;
}

RawObject row_of(const TransactionLog &transactions, std::uint32_t index) {
	std::string text;
	transactions.append_to(text, index, false);
	return RawObject::parse(text).value_or(RawObject{});
}

void append_row(std::string &out, const TransactionLog &transactions, std::uint32_t index, std::string_view salt) {
	const std::size_t begin = out.size();
	transactions.append_to(out, index, false);
	if (!salt.empty() && out.compare(begin, kIdStart.size(), kIdStart) == 0) {
		const std::size_t quoted = raw_member(std::string_view(out).substr(begin), "transaction_id").size() - 2;
		out.replace(begin + kIdStart.size(), quoted, id_from(transactions.id(index) + "\n" + std::string(salt)));
	}
}

Account account_from(World &world, const Bank &bank, bool card, const RawObject &given) {
	Account account;
	account.card = card;
	RawObject &fields = account.fields;
	fields = given;
	fields.erase("balance");
	set_default(fields, "account_id", json_string(id_from(world.ids.uuid())));
	set_default(fields, "currency", bank.country == "uk" ? "\"GBP\"" : "\"EUR\"");
	set_default(fields, "provider", ObjectText{}.string("provider_id", bank.id).end());
	const std::string currency = fields.text_of("currency");
	account.balances.set("currency", json_string(currency.empty() ? "GBP" : currency));
	if (card) {
		set_default(fields, "card_network", "\"VISA\"");
		set_default(fields, "card_type", "\"CREDIT\"");
		set_default(fields, "display_name", "\"Card\"");
		set_default(fields, "partial_card_number", json_string(digits(world, 4)));
		set_default(fields, "name_on_card", "\"J Doe\"");
		set_default(fields, "valid_from", "\"2024-01\"");
		set_default(fields, "valid_to", "\"2029-01\"");
		account.balances.set("current", "20.00");
		account.balances.set("available", "3280.00");
		account.balances.set("credit_limit", "3300.00");
	} else {
		set_default(fields, "account_type", "\"TRANSACTION\"");
		set_default(fields, "display_name", "\"Account\"");
		if (bank.country == "uk") {
			const std::string number = digits(world, 8);
			set_default(fields, "account_number",
			            ObjectText{}
			                .string("number", number)
			                .string("sort_code", "01-21-31")
			                .string("swift_bic", "CPBKGB00")
			                .end());
		} else {
			std::string country = bank.country;
			std::transform(country.begin(), country.end(), country.begin(),
			               [](char c) { return static_cast<char>(c - 'a' + 'A'); });
			set_default(fields, "account_number",
			            ObjectText{}
			                .string("iban", make_iban(country, make_national_number(world, bank.country)))
			                .string("swift_bic", "NOT_SUPPORTED_BY_PROVIDER")
			                .end());
		}
		account.balances.set("available", "2150.80");
		account.balances.set("current", "1161.20");
		account.balances.set("overdraft", "1000.00");
	}
	account.id = fields.text_of("account_id");
	if (const auto balance = given.get("balance")) {
		account.balances.merge(RawObject::parse(*balance).value_or(RawObject{}));
	}
	return account;
}

std::string account_object(const Account &account, Time now) {
	return with_timestamp(account.fields, now);
}

std::string balance_object(const Account &account, Time now) {
	return with_timestamp(account.balances, now);
}

std::string make_iban(std::string_view country, std::string_view number) {
	// ISO 7064: letters count from 10, the country comes last, and the remainder by 97 must be 1.
	int remainder = 0;
	for (const char c : std::string(number) + std::string(country) + "00") {
		const int value = c >= 'A' ? c - 'A' + 10 : c - '0';
		remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
	}
	const int check = 98 - remainder;
	return std::string(country) + (check < 10 ? "0" : "") + std::to_string(check) + std::string(number);
}

std::string make_national_number(World &world, std::string_view country) {
	if (country == "uk") {
		return "CPBK012131" + digits(world, 8);
	}
	if (country == "ie") {
		return "BOFI" + digits(world, 14);
	}
	return digits(world, country == "de" ? 18 : country == "at" ? 16 : 23);
}

std::string amount_text(std::int64_t cents) {
	const std::string rest = std::to_string(std::abs(cents) % 100);
	return (cents < 0 ? "-" : "") + std::to_string(std::abs(cents) / 100) + "." + (rest.size() == 1 ? "0" : "") + rest;
}

} // namespace ob::sandbox::truelayer
