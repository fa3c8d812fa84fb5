// C++ regime.
#include "providers/truelayer/provider.hpp"

#include "providers/truelayer/accounts.hpp"
#include "providers/truelayer/client.hpp"
#include "providers/truelayer/institutions.hpp"
#include "providers/truelayer/limits.hpp"
#include "providers/truelayer/link.hpp"
#include "providers/truelayer/raw.hpp"
#include "providers/truelayer/tokens.hpp"
#include "providers/truelayer/windows.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

std::vector<std::string> TrueLayerProvider::known_hosts() const {
	return {"auth.truelayer.com",        "auth.truelayer-sandbox.com", "api.truelayer.com",
	        "api.truelayer-sandbox.com", "webhooks.truelayer.com",     "webhooks.truelayer-sandbox.com"};
}

std::string_view TrueLayerProvider::accounts_endpoint() const {
	return kAccountsEndpoint;
}

std::string_view TrueLayerProvider::transactions_endpoint() const {
	return kTransactionsEndpoint;
}

std::string_view TrueLayerProvider::balances_endpoint() const {
	return kBalanceEndpoint;
}

std::span<const CallClass> TrueLayerProvider::call_classes() const {
	return truelayer::call_classes();
}

Task<LinkOffer> TrueLayerProvider::start_link(Session session, LinkRequest request) const {
	return truelayer::start_link(std::move(session), std::move(request));
}

Task<Extension> TrueLayerProvider::extend(Session session, LinkRequest request) const {
	return truelayer::extend(std::move(session), std::move(request));
}

std::vector<LinkGrant> TrueLayerProvider::grants_from_response(std::string_view response_json) const {
	return truelayer::grants_from_response(response_json);
}

Task<Established> TrueLayerProvider::exchange(Session session, LinkGrant grant) const {
	return truelayer::exchange(std::move(session), std::move(grant));
}

Task<std::string> TrueLayerProvider::connection_id(Session session, Credentials credentials) const {
	return truelayer::connection_id(std::move(session), std::move(credentials));
}

Task<void> TrueLayerProvider::remove(Session session, Credentials credentials) const {
	return truelayer::remove(std::move(session), std::move(credentials));
}

Task<Renewed> TrueLayerProvider::renew_tokens(Session session, Credentials credentials) const {
	return truelayer::renew_tokens(std::move(session), std::move(credentials));
}

Task<ConnectionHealth> TrueLayerProvider::health(Session session, Credentials credentials) const {
	return truelayer::health(std::move(session), std::move(credentials));
}

Task<Adopted> TrueLayerProvider::adopt(Session session, std::string credentials_json) const {
	return truelayer::adopt(std::move(session), std::move(credentials_json));
}

Task<Institution> TrueLayerProvider::institution(Session session, std::string id) const {
	return truelayer::institution(std::move(session), std::move(id));
}

Task<std::vector<Institution>> TrueLayerProvider::institutions(Session session, std::string search) const {
	return truelayer::institutions(std::move(session), std::move(search));
}

Task<http::Response> TrueLayerProvider::raw_call(Session session, RawCall call, Credentials credentials) const {
	return truelayer::raw_call(std::move(session), std::move(call), std::move(credentials));
}

Task<AccountList> TrueLayerProvider::accounts(Session session, Credentials credentials,
                                              std::vector<std::string> account_ids) const {
	return get_accounts(std::move(session), std::move(credentials), std::move(account_ids));
}

/// The bank is asked each time anyway.
Task<AccountList> TrueLayerProvider::balances(Session session, Credentials credentials,
                                              std::vector<std::string> account_ids) const {
	return get_accounts(std::move(session), std::move(credentials), std::move(account_ids));
}

Task<std::vector<AccountNumber>> TrueLayerProvider::account_numbers(Session session, Credentials credentials) const {
	return get_numbers(std::move(session), std::move(credentials));
}

std::unique_ptr<WindowReader> TrueLayerProvider::read_window(Session session, Credentials credentials,
                                                             Window window) const {
	return truelayer::read_window(std::move(session), std::move(credentials), std::move(window));
}

bool TrueLayerProvider::shows_all_days_now(const Session &session) const {
	return in_deep_window(session);
}

Task<AccountListing> TrueLayerProvider::list_accounts(Session session, Credentials credentials) const {
	return list_with_balances(std::move(session), std::move(credentials));
}

std::unique_ptr<AccountReader> TrueLayerProvider::read_account(Session session, Credentials credentials,
                                                               AccountWindow window) const {
	return truelayer::read_account(std::move(session), std::move(credentials), std::move(window));
}

std::unique_ptr<AccountReader> TrueLayerProvider::read_pending(Session session, Credentials credentials,
                                                               Account account) const {
	return truelayer::read_pending(std::move(session), std::move(credentials), std::move(account));
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
