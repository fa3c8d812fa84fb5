// C++ regime.
#include "providers/plaid/account_numbers.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "providers/plaid/arguments.hpp"
#include "providers/plaid/client.hpp"
#include "providers/plaid/errors.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr std::string_view kItemEndpoint = "/item/get";
constexpr std::string_view kAuthEndpoint = "/auth/get";

/// A list of `numbers`, and what its fields are called.
struct Scheme {
	std::string_view list;
	std::string_view ours;
	std::string_view number;
	std::string_view bank_code; // empty: it has none
};

constexpr std::array kSchemes = std::to_array<Scheme>({
    {"ach", "ach", "account", "routing"},
    {"eft", "eft", "account", "institution"},
    {"bacs", "bacs", "account", "sort_code"},
    {"international", "iban", "iban", ""},
});

Task<json::Document> ask_item(Session session, std::string_view endpoint, const Credentials &credentials) {
	Call call;
	call.endpoint = endpoint;
	call.body = body_with_token(credentials).dump();
	return ask(std::move(session), std::move(call));
}

/// Whether the user has agreed to `auth`.
bool has_numbers(const json::Node &item) {
	for (const char *list : {"products", "billed_products", "consented_products"})
		if (holds(item.get(list), "auth"))
			return true;
	return false;
}

AccountNumber read_number(const Scheme &scheme, const json::Node &item, std::string_view request_id) {
	AccountNumber number;
	number.account_id = item.text("account_id");
	number.scheme = scheme.ours;
	number.number = Secret(item.text(scheme.number));
	number.bank_code = item.text(scheme.bank_code);
	number.branch_code = item.text("branch");
	number.wire_code = item.text("wire_routing");
	number.bic = item.text("bic");
	number.tokenized = item.boolean("is_tokenized_account_number").value_or(false);
	if (number.account_id.empty() || number.number.empty())
		bad_answer(kAuthEndpoint, "a number lacks its account or itself", request_id);
	return number;
}

std::vector<AccountNumber> read_numbers(const json::Document &answer) {
	const json::Node numbers = answer.get("numbers");
	if (!numbers.is_object())
		bad_answer(kAuthEndpoint, "numbers is missing", answer.text("request_id"));
	std::vector<AccountNumber> list;
	for (const Scheme &scheme : kSchemes)
		for (const json::Node &item : numbers.get(scheme.list).items())
			list.push_back(read_number(scheme, item, answer.text("request_id")));
	return list;
}

} // namespace

Task<std::vector<AccountNumber>> account_numbers(Session session, Credentials credentials) {
	CallStats *stats = session.stats;
	const json::Document item = co_await ask_item(session, kItemEndpoint, credentials);
	if (!has_numbers(item.get("item")))
		throw Error(ErrorCode::not_configured, "the connection was linked without account numbers",
		            "provider plaid, missing product: auth",
		            "Name auth in the server option products before linking, or let the user consent: "
		            "ob.relink(…, '{\"additional_consented_products\": \"auth\"}').");
	try {
		const json::Document answer = co_await ask_item(std::move(session), kAuthEndpoint, credentials);
		if (stats)
			stats->last_request_id = presentable_request_id(answer.text("request_id"));
		co_return read_numbers(answer);
	} catch (const ProviderError &error) {
		if (error.provider_code() != "NO_AUTH_ACCOUNTS") // cards and loans only
			throw;
	}
	co_return std::vector<AccountNumber>{};
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
