// TrueLayer: United Kingdom and Europe. C++ regime.
#pragma once

#include "providers/connection_naming.hpp"
#include "providers/window_provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

class TrueLayerProvider final : public WindowProvider, public ConnectionNaming {
public:
	std::string_view name() const override { return "truelayer"; }
	std::vector<std::string> known_hosts() const override;
	std::string_view accounts_endpoint() const override;
	std::string_view transactions_endpoint() const override;
	std::string_view balances_endpoint() const override;
	std::span<const CallClass> call_classes() const override;

	Task<LinkOffer> start_link(Session session, LinkRequest request) const override;
	bool by_callback() const override { return true; }
	Task<Extension> extend(Session session, LinkRequest request) const override;
	std::vector<LinkGrant> grants_from_response(std::string_view response_json) const override;
	Task<Established> exchange(Session session, LinkGrant grant) const override;
	Task<std::string> connection_id(Session session, Credentials credentials) const override;
	Task<void> remove(Session session, Credentials credentials) const override;
	bool tokens_expire() const override { return true; }
	Task<Renewed> renew_tokens(Session session, Credentials credentials) const override;
	Task<ConnectionHealth> health(Session session, Credentials credentials) const override;
	Task<Adopted> adopt(Session session, std::string credentials_json) const override;

	Task<Institution> institution(Session session, std::string id) const override;
	Task<std::vector<Institution>> institutions(Session session, std::string search) const override;
	Task<http::Response> raw_call(Session session, RawCall call, Credentials credentials) const override;

	Task<AccountList> accounts(Session session, Credentials credentials,
	                           std::vector<std::string> account_ids) const override;
	Task<AccountList> balances(Session session, Credentials credentials,
	                           std::vector<std::string> account_ids) const override;
	Task<std::vector<AccountNumber>> account_numbers(Session session, Credentials credentials) const override;
	std::unique_ptr<WindowReader> read_window(Session session, Credentials credentials, Window window) const override;

	bool shows_all_days_now(const Session &session) const override;
	Task<AccountListing> list_accounts(Session session, Credentials credentials) const override;
	std::unique_ptr<AccountReader> read_account(Session session, Credentials credentials,
	                                            AccountWindow window) const override;
	std::unique_ptr<AccountReader> read_pending(Session session, Credentials credentials,
	                                            Account account) const override;
};

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
