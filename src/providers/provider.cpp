// What a provider need not offer. C++ regime.
#include "providers/provider.hpp"

#include <string>

#include "core/pure.hpp"

namespace ob::providers {

namespace {

[[noreturn]] void not_offered(const Provider &provider, std::string_view what) {
	throw Error(ErrorCode::unsupported,
	            "provider " + std::string(provider.name()) + " does not offer " + std::string(what));
}

} // namespace

// Coroutines all the same: an error is thrown where the result is awaited, as with those that do the work.

Task<Extension> Provider::extend(Session, LinkRequest) const {
	not_offered(*this, "to prolong a consent");
	co_return Extension{};
}

Task<Journey> Provider::follow_link(Session, Secret) const {
	not_offered(*this, "to follow a link");
	co_return Journey{};
}

Task<Credentials> Provider::rotate(Session, Credentials) const {
	not_offered(*this, "to rotate tokens");
	co_return Credentials{};
}

Task<Renewed> Provider::renew_tokens(Session, Credentials) const {
	not_offered(*this, "to renew tokens");
	co_return Renewed{};
}

Task<Adopted> Provider::adopt(Session, std::string) const {
	not_offered(*this, "to adopt connections");
	co_return Adopted{};
}

Task<LinkGrant> Provider::sandbox_grant(Session, std::string) const {
	not_offered(*this, "links without a person");
	co_return LinkGrant{};
}

Task<void> Provider::sandbox_fire_webhook(Session, Credentials, std::string) const {
	not_offered(*this, "to fire webhooks");
	co_return;
}

Task<void> Provider::sandbox_reset_login(Session, Credentials) const {
	not_offered(*this, "to reset logins");
	co_return;
}

Task<Institution> Provider::institution(Session, std::string) const {
	not_offered(*this, "to look up a bank");
	co_return Institution{};
}

Task<std::vector<Institution>> Provider::institutions(Session, std::string) const {
	not_offered(*this, "a list of banks");
	co_return std::vector<Institution>{};
}

Task<http::Response> Provider::raw_call(Session, RawCall, Credentials) const {
	not_offered(*this, "other calls");
	co_return http::Response{};
}

Task<AccountList> Provider::balances(Session, Credentials, std::vector<std::string>) const {
	not_offered(*this, "balances on demand");
	co_return AccountList{};
}

Task<std::vector<AccountNumber>> Provider::account_numbers(Session, Credentials) const {
	not_offered(*this, "account numbers");
	co_return std::vector<AccountNumber>{};
}

} // namespace ob::providers

#include "core/pure.hpp"
