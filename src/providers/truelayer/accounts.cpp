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
const std::vector<int> kRefusals{403, 404, 501};
constexpr std::string_view kNotOffered = "endpoint_not_supported";

// A balance that young is of the moment at which it was asked for.
constexpr std::chrono::minutes kJustNow{15};

/// What came of asking for one of the two lists.
struct Listed {
	std::string body;
	std::optional<ProviderError> refusal;
	int status = 0;

	/// Refused, and nothing is known of accounts of the kind. A 404 may be some proxy's.
	bool is_untold() const { return refusal && status != 501 && refusal->provider_code() != kNotOffered; }
	/// Refused, and there may well be accounts of the kind.
	bool is_denied() const { return is_untold() && status != 404; }
};

/// What the bank has listed.
struct Lists {
	AccountListing listing;
	std::optional<ProviderError> denied; // although there may be more
};

Task<void> fetch_list(Session session, Credentials credentials, Resource resource, Listed *listed) {
	Call call;
	call.path = resource == Resource::cards ? kCardsEndpoint : kAccountsEndpoint;
	call.endpoint = call.path;
	call.call_class = "accounts";
	call.resource = resource == Resource::cards ? "cards" : "accounts";
	call.judged = kRefusals;
	const std::string endpoint = call.endpoint;
	Task<http::Response> fetched = fetch(session, std::move(credentials), std::move(call));
	http::Response response = co_await fetched;
	listed->status = response.status;
	if (response.status < 300)
		listed->body = std::move(response.body);
	else
		listed->refusal = error_from(response, endpoint, session.clock->now());
}

/// Nothing can be listed: a consent that has ended says more than a list that the bank does not have.
[[noreturn]] void throw_refused(const std::optional<ProviderError> &accounts,
                                const std::optional<ProviderError> &cards) {
	if (accounts && !cards && accounts->provider_code() == kNotOffered)
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
	call.judged = kRefusals;
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

Task<Lists> ask_for_lists(Session session, Credentials credentials) {
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
	Lists lists;
	if (!accounts.body.empty())
		read_form(kAccountsEndpoint, [&] { read_list(std::move(accounts.body), Resource::accounts, &lists.listing); });
	if (!cards.body.empty())
		read_form(kCardsEndpoint, [&] { read_list(std::move(cards.body), Resource::cards, &lists.listing); });
	if (accounts.is_untold())
		lists.listing.told = AccountKinds::cards;
	else if (cards.is_untold())
		lists.listing.told = AccountKinds::all_but_cards;
	if (accounts.is_denied() || cards.is_denied())
		lists.denied = accounts.is_denied() ? std::move(accounts.refusal) : std::move(cards.refusal);
	co_return std::move(lists);
}

/// The other list came, so this says nothing of the connection.
[[noreturn]] void throw_denied(const ProviderError &denied, AccountKinds told) {
	throw ProviderError(ErrorCode::refused, Reaction::permanent, denied.provider_code(),
	                    told == AccountKinds::cards ? "the bank does not show its accounts, but cards alone"
	                                                : "the bank does not show its cards, but accounts alone",
	                    denied.detail(),
	                    "The synced tables keep what it has shown before. Link the bank again if the server's option "
	                    "scopes has changed since, or ask by account_id for accounts that it shows.");
}

/// Throws unless all that is asked for was listed, and drops the rest.
void keep_only(Lists &lists, const std::vector<std::string> &account_ids) {
	std::vector<Account> &accounts = lists.listing.list.accounts;
	const auto is_listed = [&](const std::string &id) {
		return std::any_of(accounts.begin(), accounts.end(), [&](const Account &account) { return account.id == id; });
	};
	const bool all_known = !account_ids.empty() && std::all_of(account_ids.begin(), account_ids.end(), is_listed);
	if (lists.denied && !all_known)
		throw_denied(*lists.denied, lists.listing.told);
	if (account_ids.empty())
		return;
	if (!all_known)
		throw ProviderError(ErrorCode::not_found, Reaction::permanent, {}, "the bank does not know this account",
		                    error_detail(kAccountsEndpoint, 200, {}, {}),
		                    "Look the account up again: its id may have changed.");
	std::erase_if(accounts, [&](const Account &account) {
		return std::find(account_ids.begin(), account_ids.end(), account.id) == account_ids.end();
	});
}

} // namespace

Task<AccountListing> list_with_balances(Session session, Credentials credentials) {
	const Timestamp now = session.clock->now();
	Task<Lists> asked = ask_for_lists(session, credentials);
	Lists lists = co_await asked;
	AccountListing &listing = lists.listing;
	Task<void> added = add_balances(std::move(session), std::move(credentials), &listing.list.accounts);
	co_await added;
	for (Account &account : listing.list.accounts)
		if (account.balance_at && now - *account.balance_at < kJustNow)
			account.balance_at.reset();
	co_return std::move(listing);
}

Task<AccountList> list_whole(Session session, Credentials credentials, std::vector<std::string> account_ids) {
	Task<Lists> asked = ask_for_lists(std::move(session), std::move(credentials));
	Lists lists = co_await asked;
	keep_only(lists, account_ids);
	co_return std::move(lists.listing.list);
}

Task<AccountList> get_accounts(Session session, Credentials credentials, std::vector<std::string> account_ids) {
	Task<AccountList> listed = list_whole(session, credentials, std::move(account_ids));
	AccountList list = co_await listed;
	Task<void> added = add_balances(std::move(session), std::move(credentials), &list.accounts);
	co_await added;
	co_return std::move(list);
}

Task<std::vector<AccountNumber>> get_numbers(Session session, Credentials credentials) {
	Task<Lists> asked = ask_for_lists(std::move(session), std::move(credentials));
	Lists lists = co_await asked;
	if (lists.denied && lists.listing.told == AccountKinds::cards)
		throw_denied(*lists.denied, lists.listing.told);
	co_return std::move(lists.listing.numbers);
}

bool is_card(const Account &account) {
	return account.type == kCardType;
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
