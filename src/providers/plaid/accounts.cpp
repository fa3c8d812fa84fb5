// C++ regime.
#include "providers/plaid/accounts.hpp"

#include <array>
#include <unordered_map>
#include <utility>

#include "core/money.hpp"
#include "core/text.hpp"
#include "core/time.hpp"
#include "providers/plaid/client.hpp"
#include "json/document.hpp"
#include "json/pans.hpp"
#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

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
			balances.updated = field.text_or_empty();
	});
	return balances;
}

std::string amount(std::string_view number) {
	return number.empty() ? std::string{} : money::canonical(number);
}

/// At most the last four characters: what is longer would be more of the number than a mask shows.
std::string mask(std::string_view sent) {
	constexpr std::size_t kShown = 4;
	return std::string(sent.size() > kShown ? sent.substr(sent.size() - kShown) : sent);
}

Account read_account(json::Value value) {
	Account account;
	Balances balances;
	const std::string_view raw = value.object([&](std::string_view key, json::Value field) {
		if (key == "account_id")
			account.id = field.text_or_empty();
		else if (key == "balances")
			balances = read_balances(field);
		else if (key == "mask")
			account.mask = mask(field.text_or_empty());
		else if (key == "name")
			account.name = text::cut_pans(std::string(field.text_or_empty()));
		else if (key == "official_name")
			account.official_name = text::cut_pans(std::string(field.text_or_empty()));
		else if (key == "type")
			account.provider_type = field.text_or_empty();
		else if (key == "subtype")
			account.provider_subtype = field.text_or_empty();
	});
	if (account.id.empty())
		bad_answer(kAccountsEndpoint, "an account has no account_id");
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

} // namespace

Task<AccountList> get_accounts(Session session, Credentials credentials, std::vector<std::string> account_ids) {
	json::Object body = body_with_token(credentials);
	if (!account_ids.empty()) {
		json::Array ids;
		for (const std::string &id : account_ids)
			ids.add(id);
		json::Object options;
		options.set("account_ids", ids);
		body.set("options", options);
	}
	Call call;
	call.endpoint = kAccountsEndpoint;
	call.body = body.dump();
	CallStats *stats = session.stats;
	http::Response response = co_await send(std::move(session), std::move(call));
	co_return read_accounts(std::move(response.body), stats ? &stats->last_request_id : nullptr);
}

AccountList read_accounts(std::string bytes, std::string *request_id) {
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
				Account account = read_account(item);
				const auto [place, is_new] = places.emplace(account.id, list.accounts.size());
				if (is_new)
					list.accounts.push_back(std::move(account));
				else
					list.accounts[place->second] = std::move(account);
			});
		}
	});
	reader.finish();
	// Null and absent arrays are empty ones; but an object with neither accounts nor a request id is no answer of
	// Plaid's, and taking it for "no accounts" would remove them all.
	if (!answered && id.empty())
		bad_answer(kAccountsEndpoint, "accounts is missing");
	if (request_id)
		*request_id = id;
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
