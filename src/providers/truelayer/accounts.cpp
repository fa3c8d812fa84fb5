// C++ regime.
#include "providers/truelayer/accounts.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/loop.hpp"
#include "core/text.hpp"
#include "http/url_text.hpp"
#include "providers/truelayer/account_reading.hpp"
#include "providers/truelayer/client.hpp"
#include "providers/truelayer/errors.hpp"
#include "providers/truelayer/results.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

// A bank lacks cards, or accounts, or refuses one kind.
const std::vector<int> kNotOffered{403, 404, 501};

// A balance that young is of the moment at which it was asked for.
constexpr std::chrono::minutes kJustNow{15};

/// What came of asking for one of the two lists.
struct Listed {
	std::string body;
	std::optional<ProviderError> refusal;
};

Task<void> fetch_list(Session session, Credentials credentials, Resource resource, Listed *listed) {
	Call call;
	call.path = resource == Resource::cards ? kCardsEndpoint : kAccountsEndpoint;
	call.endpoint = call.path;
	call.call_class = "accounts";
	call.resource = resource == Resource::cards ? "cards" : "accounts";
	call.judged = kNotOffered;
	const std::string endpoint = call.endpoint;
	Task<http::Response> fetched = fetch(session, std::move(credentials), std::move(call));
	http::Response response = co_await fetched;
	if (response.status < 300)
		listed->body = std::move(response.body);
	else
		listed->refusal = error_from(response, endpoint, session.clock->now());
}

/// Nothing can be listed: a consent that has ended says more than a list that the bank does not have.
[[noreturn]] void throw_refused(const std::optional<ProviderError> &accounts,
                                const std::optional<ProviderError> &cards) {
	if (accounts && !cards && accounts->provider_code() == "endpoint_not_supported")
		throw ProviderError(accounts->code(), accounts->reaction(), accounts->provider_code(),
		                    "the bank has no accounts, and the server does not ask for cards", accounts->detail(),
		                    "Add cards to the server's option scopes, and link the bank again.");
	const bool cards_say_more = !accounts || (cards && cards->reaction() == Reaction::reauth);
	throw ProviderError(cards_say_more ? *cards : *accounts);
}

bool is_in_scope(const ServerConfig &server, std::string_view scope) {
	const auto scopes = text::split(server.option("scopes"), ' ');
	return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

Task<void> fetch_balance(Session session, Credentials credentials, Account *account) {
	Call call;
	call.path = path_of(*account) + "/balance";
	call.endpoint = endpoint_of(*account) + "/balance";
	call.call_class = "balance";
	call.resource = resource_of(*account, "balance");
	call.judged = kNotOffered;
	Task<http::Response> fetched = fetch(std::move(session), std::move(credentials), std::move(call));
	http::Response response = co_await fetched;
	if (response.status < 300)
		read_form(kBalanceEndpoint, [&] { read_balance(std::move(response.body), account); });
}

Task<void> add_balances(Session session, Credentials credentials, std::vector<Account> *accounts) {
	if (!is_in_scope(*session.server, "balance"))
		co_return;
	Loop &loop = co_await ThisLoop();
	TaskGroup group(loop);
	for (Account &account : *accounts)
		group.spawn(fetch_balance(session, credentials, &account));
	co_await group.join();
}

} // namespace

Task<AccountListing> list_only(Session session, Credentials credentials) {
	const bool with_cards = is_in_scope(*session.server, "cards");
	const bool with_accounts = is_in_scope(*session.server, "accounts") || !with_cards;
	Listed accounts, cards;
	Loop &loop = co_await ThisLoop();
	TaskGroup group(loop);
	if (with_accounts)
		group.spawn(fetch_list(session, credentials, Resource::accounts, &accounts));
	if (with_cards)
		group.spawn(fetch_list(session, credentials, Resource::cards, &cards));
	co_await group.join();
	if ((accounts.refusal || !with_accounts) && (cards.refusal || !with_cards))
		throw_refused(accounts.refusal, cards.refusal);
	AccountListing listing;
	if (!accounts.body.empty())
		read_form(kAccountsEndpoint, [&] { read_list(std::move(accounts.body), Resource::accounts, &listing); });
	if (!cards.body.empty())
		read_form(kCardsEndpoint, [&] { read_list(std::move(cards.body), Resource::cards, &listing); });
	co_return std::move(listing);
}

Task<AccountListing> list_with_balances(Session session, Credentials credentials) {
	const Timestamp now = session.clock->now();
	Task<AccountListing> listed = list_only(session, credentials);
	AccountListing listing = co_await listed;
	Task<void> added = add_balances(std::move(session), std::move(credentials), &listing.list.accounts);
	co_await added;
	for (Account &account : listing.list.accounts)
		if (account.balance_at && now - *account.balance_at < kJustNow)
			account.balance_at.reset();
	co_return std::move(listing);
}

Task<AccountList> get_accounts(Session session, Credentials credentials, std::vector<std::string> account_ids) {
	Task<AccountListing> listed = list_only(session, credentials);
	AccountListing listing = co_await listed;
	keep_only(listing.list.accounts, account_ids);
	Task<void> added = add_balances(std::move(session), std::move(credentials), &listing.list.accounts);
	co_await added;
	co_return std::move(listing.list);
}

void keep_only(std::vector<Account> &accounts, const std::vector<std::string> &account_ids) {
	if (account_ids.empty())
		return;
	const auto is_listed = [&](const std::string &id) {
		return std::any_of(accounts.begin(), accounts.end(), [&](const Account &account) { return account.id == id; });
	};
	if (!std::all_of(account_ids.begin(), account_ids.end(), is_listed))
		throw ProviderError(ErrorCode::not_found, Reaction::permanent, {}, "the bank does not know this account",
		                    error_detail(kAccountsEndpoint, 200, {}, {}),
		                    "Look the account up again: its id may have changed.");
	std::erase_if(accounts, [&](const Account &account) {
		return std::find(account_ids.begin(), account_ids.end(), account.id) == account_ids.end();
	});
}

bool is_card(const Account &account) {
	return account.type == "credit_card";
}

std::string path_of(const Account &account) {
	return std::string(is_card(account) ? kCardsEndpoint : kAccountsEndpoint) + "/" + http::encoded(account.id);
}

std::string endpoint_of(const Account &account) {
	return std::string(is_card(account) ? kCardsEndpoint : kAccountsEndpoint) + "/{account_id}";
}

std::string resource_of(const Account &account, std::string_view what) {
	return std::string(is_card(account) ? "cards/" : "accounts/") + account.id + "/" + std::string(what);
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
