// Plaid: United States and Canada. C++ regime.
#pragma once

#include "providers/provider.hpp"
#include "providers/transaction_count.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

class PlaidProvider final : public Provider, public CountsTransactions {
public:
	std::string_view name() const override { return "plaid"; }
	std::vector<std::string> known_hosts() const override;
	std::string_view accounts_endpoint() const override;
	std::string_view transactions_endpoint() const override;
	std::string_view balances_endpoint() const override;
	std::span<const CallClass> call_classes() const override;

	Task<LinkOffer> start_link(Session session, LinkRequest request) const override;
	std::vector<LinkGrant> grants_from_response(std::string_view response_json) const override;
	Task<Journey> follow_link(Session session, Secret token) const override;
	Task<Established> exchange(Session session, LinkGrant grant) const override;
	Task<void> remove(Session session, Credentials credentials) const override;
	Task<Credentials> rotate(Session session, Credentials credentials) const override;
	Task<ConnectionHealth> health(Session session, Credentials credentials) const override;
	bool accounts_tell_health() const override { return true; }
	Task<Adopted> adopt(Session session, std::string credentials_json) const override;
	Task<LinkGrant> sandbox_grant(Session session, std::string options_json) const override;

	Task<void> sandbox_fire_webhook(Session session, Credentials credentials, std::string code) const override;
	Task<void> sandbox_reset_login(Session session, Credentials credentials) const override;

	Task<Institution> institution(Session session, std::string id) const override;
	Task<std::vector<Institution>> institutions(Session session, std::string search) const override;
	Task<http::Response> raw_call(Session session, RawCall call, Credentials credentials) const override;

	Task<AccountList> accounts(Session session, Credentials credentials,
	                           std::vector<std::string> account_ids) const override;
	Task<AccountList> balances(Session session, Credentials credentials,
	                           std::vector<std::string> account_ids) const override;
	Task<std::vector<AccountNumber>> account_numbers(Session session, Credentials credentials) const override;
	std::unique_ptr<WindowReader> read_window(Session session, Credentials credentials, Window window) const override;
	std::unique_ptr<ChangeReader> read_changes(Session session, Credentials credentials,
	                                           std::string cursor) const override;
	Task<std::int64_t> count_transactions(Session session, Credentials credentials) const override;
};

} // namespace ob::providers::plaid

#include "core/pure.hpp"
