// The providers there are, and how a server's options and credentials are read. C++ regime.
#include <algorithm>
#include <array>
#include <string>

#include "providers/plaid/provider.hpp"
#include "providers/plaid/webhooks.hpp"
#include "providers/provider.hpp"
#include "providers/truelayer/provider.hpp"
#include "providers/truelayer/webhooks.hpp"
#include "providers/webhook_source.hpp"

#include "core/pure.hpp"

namespace ob::providers {

namespace {

// A new provider is one line here.
const std::array<const Provider *, 2> &all_providers() {
	static const plaid::PlaidProvider plaid;
	static const truelayer::TrueLayerProvider truelayer;
	static const std::array<const Provider *, 2> providers{&plaid, &truelayer};
	return providers;
}

constexpr std::array<std::string_view, 2> kNames{"plaid", "truelayer"};

[[noreturn]] void missing(const ServerConfig &server, std::string_view name, const std::string &where,
                          std::string hint) {
	throw Error(ErrorCode::missing_option,
	            "option \"" + std::string(name) + "\" of " + where + " \"" + server.name + "\" is missing", {},
	            std::move(hint));
}

} // namespace

const Provider *find_provider(std::string_view name) {
	for (const Provider *provider : all_providers())
		if (provider->name() == name)
			return provider;
	return nullptr;
}

const WebhookSource *find_webhook_source(std::string_view provider) {
	static const plaid::PlaidWebhooks plaid;
	static const truelayer::TrueLayerWebhooks truelayer;
	if (provider == "truelayer")
		return &truelayer;
	return provider == "plaid" ? &plaid : nullptr;
}

std::span<const std::string_view> provider_names() {
	return kNames;
}

std::string_view ServerConfig::option(std::string_view option_name) const {
	if (const auto it = options.find(option_name); it != options.end())
		return it->second;
	const OptionSpec *spec = find_option(OptionCatalog::server, option_name);
	return spec ? default_for(*spec, provider) : std::string_view{};
}

std::string_view ServerConfig::required_option(std::string_view option_name) const {
	const std::string_view value = option(option_name);
	if (value.empty())
		missing(*this, option_name, "server", "ALTER SERVER … OPTIONS (ADD " + std::string(option_name) + " '…').");
	return value;
}

const Secret &ServerConfig::required_credential(std::string_view credential_name) const {
	const auto it = credentials.find(credential_name);
	if (it == credentials.end() || it->second.empty())
		missing(*this, credential_name, "the user mapping for server",
		        "CREATE or ALTER USER MAPPING … OPTIONS (ADD " + std::string(credential_name) + " '…').");
	return it->second;
}

} // namespace ob::providers

#include "core/pure.hpp"
