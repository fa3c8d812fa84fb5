// C++ regime.
#include "providers/plaid/accounts.hpp"

#include <array>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/money.hpp"
#include "core/text.hpp"
#include "core/time.hpp"
#include "providers/fields.hpp"
#include "providers/plaid/client.hpp"
#include "providers/plaid/errors.hpp"
#include "providers/plaid/item.hpp"
#include "json/document.hpp"
#include "json/pans.hpp"
#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr auto kOldestBalance = std::chrono::hours(24);

struct TypeRow {
	std::string_view type;
	std::string_view subtype; // empty: every other subtype
	std::string_view ours;
};

// Subtypes without a row of their own take the row of their type. A subtype's name alone decides nothing: paypal, hsa,
// line of credit and other occur under more than one type.
constexpr std::array kTypes = std::to_array<TypeRow>({
    {"depository", "checking", "checking"},
    {"depository", "limited purpose checking", "checking"},
    {"depository", "savings", "savings"},
    {"depository", "money market", "savings"},
    {"depository", "cd", "savings"},
    {"depository", "hsa", "savings"},
    {"depository", "cash management", "cash"},
    {"depository", "paypal", "cash"},
    {"depository", "prepaid", "cash"},
    {"depository", "ebt", "cash"},
    {"credit", "", "credit_card"},
    {"loan", "mortgage", "mortgage"},
    {"loan", "student", "student_loan"},
    {"loan", "", "loan"},
    {"investment", "", "investment"},
    {"brokerage", "", "investment"}, // the old name
});

/// The parts of `balances`, as sent.
struct Balances {
	std::string_view current;
	std::string_view available;
	std::string_view limit;
	std::string_view iso_currency;
	std::string_view unofficial_currency;
	std::string_view updated;
};

Balances read_balances(json::Value value) {
	Balances balances;
	value.object_or_null([&](std::string_view key, json::Value field) {
		if (key == "current")
			balances.current = field.number_or_empty();
		else if (key == "available")
			balances.available = field.number_or_empty();
		else if (key == "limit")
			balances.limit = field.number_or_empty();
		else if (key == "iso_currency_code")
			balances.iso_currency = field.text_or_empty();
		else if (key == "unofficial_currency_code")
			balances.unofficial_currency = field.text_or_empty();
		else if (key == "last_updated_datetime")
			balances.updated = text_of(field);
	});
	return balances;
}

std::string amount(std::string_view number) {
	return number.empty() ? std::string{} : money::canonical(number);
}

/// Id, type and balances are read strictly: the type gives a balance its sign.
Account read_account(json::Value value, std::string_view endpoint) {
	Account account;
	Balances balances;
	const std::string_view raw = value.object([&](std::string_view key, json::Value field) {
		if (key == "account_id")
			account.id = field.text_or_empty();
		else if (key == "balances")
			balances = read_balances(field);
		else if (key == "mask")
			account.mask = kept_mask(text_of(field));
		else if (key == "name")
			account.name = kept_name(text_of(field));
		else if (key == "official_name")
			account.official_name = kept_name(text_of(field));
		else if (key == "type")
			account.provider_type = field.text_or_empty();
		else if (key == "subtype")
			account.provider_subtype = text_of(field);
	});
	if (account.id.empty())
		bad_answer(endpoint, "an account has no account_id");
	account.type = account_type(account.provider_type, account.provider_subtype);
	account.currency = balances.iso_currency.empty() ? balances.unofficial_currency : balances.iso_currency;
	account.balance_current = amount(balances.current);
	if (is_liability(account.provider_type))
		account.balance_current = money::negated(account.balance_current);
	account.balance_available = amount(balances.available);
	account.credit_limit = amount(balances.limit);
	account.balance_at = time::parse_timestamp(balances.updated);
	account.raw = json::cut_pans(raw);
	return account;
}

Task<AccountList> ask_accounts(Session session, Credentials credentials, std::string_view endpoint,
                               std::vector<std::string> account_ids, std::optional<Timestamp> oldest) {
	json::Object options;
	if (!account_ids.empty()) {
		json::Array ids;
		for (const std::string &id : account_ids)
			ids.add(id);
		options.set("account_ids", ids);
	}
	if (oldest)
		options.set("min_last_updated_datetime", time::format_timestamp(*oldest));
	json::Object body = body_with_token(credentials);
	if (!options.empty())
		body.set("options", options);
	Call call;
	call.endpoint = endpoint;
	call.body = body.dump();
	CallStats *stats = session.stats;
	http::Response response = co_await send(std::move(session), std::move(call));
	co_return read_form(endpoint, [&] {
		return read_accounts(std::move(response.body), endpoint, stats ? &stats->last_request_id : nullptr);
	});
}

} // namespace

Task<AccountList> get_accounts(Session session, Credentials credentials, std::vector<std::string> account_ids) {
	return ask_accounts(std::move(session), std::move(credentials), kAccountsEndpoint, std::move(account_ids), {});
}

Task<AccountList> get_balances(Session session, Credentials credentials, std::vector<std::string> account_ids) {
	// Of accounts other than depository ones Capital One gives no balance as of now, and wants to be told how old it
	// may be. It is the one field that our request can lack, and nothing but the refusal tells that it is wanted.
	std::optional<Timestamp> oldest;
	for (bool fresh_enough = true; fresh_enough;) {
		try {
			AccountList list = co_await ask_accounts(session, credentials, kBalancesEndpoint, account_ids, oldest);
			co_return std::move(list);
		} catch (const ProviderError &error) {
			fresh_enough = error.provider_code() == "INVALID_FIELD" && !oldest;
			if (!fresh_enough && error.provider_code() != "LAST_UPDATED_DATETIME_OUT_OF_RANGE")
				throw;
		}
		oldest = std::chrono::floor<std::chrono::seconds>(session.clock->now()) - kOldestBalance;
	}
	// The bank has none that recent: the last one Plaid has seen is as good as it gets.
	AccountList cached = co_await get_accounts(std::move(session), std::move(credentials), std::move(account_ids));
	co_return std::move(cached);
}

AccountList read_accounts(std::string bytes, std::string_view endpoint, std::string *request_id) {
	AccountList list;
	list.bytes = bytes.size();
	json::Body body(std::move(bytes));
	json::Reader reader(body);
	std::unordered_map<std::string, std::size_t> places;
	std::string_view id;
	bool answered = false;
	reader.root().object([&](std::string_view key, json::Value value) {
		if (key == "request_id") {
			id = value.text_or_empty();
		} else if (key == "accounts") {
			answered = true;
			value.array_or_null([&](json::Value item) {
				Account account = read_account(item, endpoint);
				const auto [place, is_new] = places.emplace(account.id, list.accounts.size());
				if (is_new)
					list.accounts.push_back(std::move(account));
				else
					list.accounts[place->second] = std::move(account);
			});
		} else if (key == "item" && value.kind() == json::Kind::object) {
			list.health = read_item(value);
		}
	});
	reader.finish();
	// Null and absent arrays are empty ones; but an object with neither accounts nor a request id is no answer of
	// Plaid's, and taking it for "no accounts" would remove them all.
	if (!answered && id.empty())
		bad_answer(endpoint, "accounts is missing");
	if (request_id)
		*request_id = presentable_request_id(id);
	return list;
}

std::string_view account_type(std::string_view type, std::string_view subtype) {
	for (const TypeRow &row : kTypes)
		if (row.type == type && (row.subtype.empty() || row.subtype == subtype))
			return row.ours;
	return "other";
}

bool is_liability(std::string_view type) {
	return type == "credit" || type == "loan";
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
