// C++ regime.
#include "providers/plaid/provider.hpp"

#include "providers/plaid/account_numbers.hpp"
#include "providers/plaid/accounts.hpp"
#include "providers/plaid/institutions.hpp"
#include "providers/plaid/item.hpp"
#include "providers/plaid/journey.hpp"
#include "providers/plaid/limits.hpp"
#include "providers/plaid/link.hpp"
#include "providers/plaid/pages.hpp"
#include "providers/plaid/raw.hpp"
#include "providers/plaid/sandbox.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

std::vector<std::string> PlaidProvider::known_hosts() const {
	return {"sandbox.plaid.com", "production.plaid.com"};
}

std::string_view PlaidProvider::accounts_endpoint() const {
	return kAccountsEndpoint;
}

std::string_view PlaidProvider::transactions_endpoint() const {
	return kWindowEndpoint;
}

std::string_view PlaidProvider::balances_endpoint() const {
	return kBalancesEndpoint;
}

std::span<const CallClass> PlaidProvider::call_classes() const {
	return plaid::call_classes();
}

Task<LinkOffer> PlaidProvider::start_link(Session session, LinkRequest request) const {
	return plaid::start_link(std::move(session), std::move(request));
}

std::vector<LinkGrant> PlaidProvider::grants_from_response(std::string_view response_json) const {
	return plaid::grants_from_response(response_json);
}

Task<Journey> PlaidProvider::follow_link(Session session, Secret token) const {
	return plaid::follow_link(std::move(session), std::move(token));
}

Task<Established> PlaidProvider::exchange(Session session, LinkGrant grant) const {
	return plaid::exchange(std::move(session), std::move(grant));
}

Task<void> PlaidProvider::remove(Session session, Credentials credentials) const {
	return plaid::remove(std::move(session), std::move(credentials));
}

Task<Credentials> PlaidProvider::rotate(Session session, Credentials credentials) const {
	return plaid::rotate(std::move(session), std::move(credentials));
}

Task<ConnectionHealth> PlaidProvider::health(Session session, Credentials credentials) const {
	return plaid::health(std::move(session), std::move(credentials));
}

Task<Adopted> PlaidProvider::adopt(Session session, std::string credentials_json) const {
	return plaid::adopt(std::move(session), std::move(credentials_json));
}

Task<LinkGrant> PlaidProvider::sandbox_grant(Session session, std::string options_json) const {
	return plaid::sandbox_grant(std::move(session), std::move(options_json));
}

Task<void> PlaidProvider::sandbox_fire_webhook(Session session, Credentials credentials, std::string code) const {
	return plaid::sandbox_fire_webhook(std::move(session), std::move(credentials), std::move(code));
}

Task<void> PlaidProvider::sandbox_reset_login(Session session, Credentials credentials) const {
	return plaid::sandbox_reset_login(std::move(session), std::move(credentials));
}

Task<Institution> PlaidProvider::institution(Session session, std::string id) const {
	return plaid::institution(std::move(session), std::move(id));
}

Task<std::vector<Institution>> PlaidProvider::institutions(Session session, std::string search) const {
	return plaid::institutions(std::move(session), std::move(search));
}

Task<http::Response> PlaidProvider::raw_call(Session session, RawCall call, Credentials credentials) const {
	return plaid::raw_call(std::move(session), std::move(call), std::move(credentials));
}

Task<AccountList> PlaidProvider::accounts(Session session, Credentials credentials,
                                          std::vector<std::string> account_ids) const {
	return get_accounts(std::move(session), std::move(credentials), std::move(account_ids));
}

Task<AccountList> PlaidProvider::balances(Session session, Credentials credentials,
                                          std::vector<std::string> account_ids) const {
	return get_balances(std::move(session), std::move(credentials), std::move(account_ids));
}

Task<std::vector<AccountNumber>> PlaidProvider::account_numbers(Session session, Credentials credentials) const {
	return plaid::account_numbers(std::move(session), std::move(credentials));
}

std::unique_ptr<WindowReader> PlaidProvider::read_window(Session session, Credentials credentials,
                                                         Window window) const {
	return plaid::read_window(std::move(session), std::move(credentials), std::move(window));
}

std::unique_ptr<ChangeReader> PlaidProvider::read_changes(Session session, Credentials credentials,
                                                          std::string cursor) const {
	return plaid::read_changes(std::move(session), std::move(credentials), std::move(cursor));
}

Task<std::int64_t> PlaidProvider::count_transactions(Session session, Credentials credentials) const {
	return plaid::count_transactions(std::move(session), std::move(credentials));
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
