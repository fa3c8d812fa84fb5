// C++ regime.
#include "providers/truelayer/account_reading.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "core/money.hpp"
#include "core/text.hpp"
#include "core/time.hpp"
#include "providers/fields.hpp"
#include "providers/kept_texts.hpp"
#include "providers/truelayer/accounts.hpp"
#include "providers/truelayer/client.hpp"
#include "providers/truelayer/results.hpp"
#include "providers/truelayer/times.hpp"
#include "json/pans.hpp"
#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

struct TypeRow {
	std::string_view theirs;
	std::string_view ours;
};

constexpr std::array kTypes = std::to_array<TypeRow>({
    {"TRANSACTION", "checking"},
    {"BUSINESS_TRANSACTION", "checking"},
    {"SAVINGS", "savings"},
    {"BUSINESS_SAVINGS", "savings"},
});

std::string_view type_of(std::string_view theirs) {
	const auto *row = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow &r) { return r.theirs == theirs; });
	return row == kTypes.end() ? std::string_view("other") : row->ours;
}

/// The parts of `account_number`, each of which may be missing.
struct Numbers {
	std::string_view iban;
	std::string_view bic;
	std::string_view number;
	std::string_view sort_code;
	std::string_view bsb;
	std::string_view routing_number;
};

Numbers read_numbers(json::Value value) {
	Numbers numbers;
	members_of(value, [&](std::string_view key, json::Value field) {
		if (key == "iban")
			numbers.iban = text_of(field);
		else if (key == "swift_bic")
			numbers.bic = text_of(field);
		else if (key == "number")
			numbers.number = text_of(field);
		else if (key == "sort_code")
			numbers.sort_code = text_of(field);
		else if (key == "bsb")
			numbers.bsb = text_of(field);
		else if (key == "routing_number")
			numbers.routing_number = text_of(field);
	});
	// NOT_SUPPORTED_BY_GEO, NOT_SUPPORTED_BY_PROVIDER
	if (numbers.bic.starts_with("NOT_SUPPORTED"))
		numbers.bic = {};
	return numbers;
}

void add_numbers(const Numbers &from, const std::string &account_id, std::vector<AccountNumber> &numbers) {
	const auto add = [&](std::string_view scheme, std::string_view number, std::string_view bank_code) {
		AccountNumber &added = numbers.emplace_back();
		added.account_id = account_id;
		added.scheme = scheme;
		added.number = Secret(number);
		added.bank_code = bank_code;
		added.bic = from.bic;
	};
	if (!from.iban.empty())
		add("iban", from.iban, {});
	if (from.number.empty())
		return;
	if (!from.sort_code.empty())
		add("bacs", from.number, from.sort_code);
	else if (!from.bsb.empty())
		add("bsb", from.number, from.bsb);
	else if (!from.routing_number.empty())
		add("ach", from.number, from.routing_number);
	else
		add("local", from.number, {});
}

/// Id and currency are read strictly: they say whose money it is, and which.
Account read_account(json::Value value, json::Body &body, Resource resource, std::vector<AccountNumber> &numbers) {
	Account account;
	Numbers found;
	std::string_view card_number;
	const std::string_view raw = value.object([&](std::string_view key, json::Value field) {
		if (key == "account_id")
			account.id = field.text_or_empty();
		else if (key == "currency")
			account.currency = field.text_or_empty();
		else if (key == "display_name")
			account.name = kept_name(text_of(field));
		else if (key == "account_type" || key == "card_type")
			account.provider_type = text_of(field);
		else if (key == "card_network")
			account.provider_subtype = text_of(field);
		else if (key == "account_number")
			found = read_numbers(field);
		else if (key == "partial_card_number")
			card_number = text_of(field);
	});
	const bool is_card = resource == Resource::cards;
	if (account.id.empty())
		bad_answer(is_card ? kCardsEndpoint : kAccountsEndpoint, "an account has no account_id");
	account.type = is_card ? kCardType : type_of(account.provider_type);
	if (is_card)
		account.mask = kept_mask(card_number);
	else
		account.mask = kept_mask(found.number.empty() ? found.iban : found.number);
	account.iban = text::mask_last4(found.iban);
	account.raw = json::cut_numbers(raw, body);
	add_numbers(found, account.id, numbers);
	return account;
}

/// The parts of a balance, as sent. Cards' credit comes as a number or as text.
struct Balance {
	std::string_view currency;
	std::string_view current;
	std::string_view available;
	std::string_view limit;
	std::string_view updated;
	std::string_view raw;
};

Balance read_parts(json::Value value) {
	Balance balance;
	balance.raw = value.object([&](std::string_view key, json::Value field) {
		if (key == "currency")
			balance.currency = field.text_or_empty();
		else if (key == "current")
			balance.current = field.number_or_empty();
		else if (key == "available")
			balance.available = field.text_or_number();
		else if (key == "overdraft" || key == "credit_limit")
			balance.limit = field.text_or_number();
		else if (key == "update_timestamp")
			balance.updated = text_of(field);
	});
	return balance;
}

std::string amount(std::string_view number) {
	return number.empty() ? std::string{} : money::canonical(number);
}

/// `{…}` with a member more.
std::string with_member(std::string object, std::string_view name, std::string_view value) {
	const std::size_t end = object.find_last_of('}');
	const bool empty = object.find('"') == object.npos;
	std::string member = empty ? "" : ",";
	member.append("\"").append(name).append("\":").append(value);
	return object.insert(end, member);
}

} // namespace

void read_list(std::string body, Resource resource, AccountListing *listing) {
	const std::string_view endpoint = resource == Resource::cards ? kCardsEndpoint : kAccountsEndpoint;
	listing->list.bytes += body.size();
	json::Body bytes(std::move(body));
	std::vector<Account> &accounts = listing->list.accounts;
	read_results(bytes, endpoint, [&](json::Value item) {
		Account account = read_account(item, bytes, resource, listing->numbers);
		const auto same = std::find_if(accounts.begin(), accounts.end(),
		                               [&](const Account &known) { return known.id == account.id; });
		if (same == accounts.end())
			accounts.push_back(std::move(account));
		else
			*same = std::move(account);
	});
}

void read_balance(std::string body, Account *account) {
	json::Body bytes(std::move(body));
	const bool is_owed = is_card(*account);
	read_results(bytes, kBalanceEndpoint, [&](json::Value item) {
		const Balance balance = read_parts(item);
		if (account->currency.empty())
			account->currency = balance.currency;
		// An amount in another currency would be taken for one in the account's.
		if (!balance.currency.empty() && balance.currency != account->currency)
			return;
		account->balance_current = amount(balance.current);
		if (is_owed)
			account->balance_current = money::negated(account->balance_current);
		account->balance_available = amount(balance.available);
		account->credit_limit = amount(balance.limit);
		account->balance_at = parse_time(balance.updated);
		account->raw = with_member(std::move(account->raw), "balance", json::cut_pans(std::string_view(balance.raw)));
	});
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
