// C++ regime.
#include "providers/options.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "crypto/ecdsa.hpp"
#include "crypto/seal.hpp"
#include "providers/networks.hpp"
#include "providers/option_values.hpp"
#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers {

namespace {

constexpr auto kServer = OptionCatalog::server;
constexpr auto kMapping = OptionCatalog::user_mapping;

/// The server that stands for every provider's servers; it has no options of its own.
constexpr std::string_view kEveryProvider = "all";

// ---- checks: each throws with what is allowed, never with the value, which may have been meant for another option
// ----

[[noreturn]] void invalid(std::string message, std::string hint = {}) {
	throw Error(ErrorCode::invalid_argument, std::move(message), {}, std::move(hint));
}

void check_provider(std::string_view value) {
	if (value == kEveryProvider || find_provider(value))
		return;
	std::vector<std::string_view> names(provider_names().begin(), provider_names().end());
	names.push_back(kEveryProvider);
	std::string hint = "Valid values: ";
	for (std::size_t i = 0; i < names.size(); ++i)
		hint.append(i ? ", " : "").append(names[i]);
	if (const std::string_view near = text::nearest(value, names); !near.empty())
		hint = "Perhaps you meant \"" + std::string(near) + "\".";
	invalid("unknown provider", hint);
}

void check_environment(std::string_view value) {
	if (value == "development")
		invalid("development was retired by Plaid in 2024", "Use sandbox or production.");
	if (value != "sandbox" && value != "production")
		invalid("must be sandbox or production");
}

void check_url(std::string_view value) {
	if (!is_url(value))
		invalid("not a URL of the form https://host/path");
}

void check_base_url(std::string_view value) {
	check_url(value);
	if (value.find('?') != value.npos)
		invalid("a base URL has no query");
}

void check_boolean(std::string_view value) {
	if (!parse_boolean(value))
		invalid("must be true or false");
}

void check_not_blank(std::string_view value) {
	if (text::trim(value).empty())
		invalid("must not be empty");
}

/// One or several, while a provider goes from one to the other; in clear, or sealed, which nobody sees through here.
void check_secrets(std::string_view value) {
	const auto words = text::split(value);
	if (words.empty())
		invalid("must not be empty");
	if (words.size() > 1 && std::any_of(words.begin(), words.end(), crypto::is_sealed_text))
		invalid("several secrets are sealed together", "ob.seal('server', 'webhook_secret', 'new,old')");
	if (crypto::is_sealed_text(value) && !crypto::from_text(value))
		invalid("is not what was sealed", "Take the text as ob.seal() or openbanking-seal has made it.");
}

void check_public_keys(std::string_view value) {
	if (value.find("PRIVATE KEY-----") != value.npos)
		invalid("this is a private key", "Take the public one, which the provider shows.");
	if (crypto::EcPublicKey::from_pem(value).empty())
		invalid("must be public keys of elliptic curves as PEM",
		        "With the lines -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----, one key after the other.");
}

constexpr std::array<std::string_view, 8> kScopes{"info",         "accounts",      "cards",           "balance",
                                                  "transactions", "direct_debits", "standing_orders", "offline_access"};

template <std::int64_t Min, std::int64_t Max>
void check_integer(std::string_view value) {
	const auto number = parse_integer(value);
	if (!number || *number < Min || *number > Max)
		invalid("must be an integer from " + std::to_string(Min) + " to " + std::to_string(Max));
}

void check_interval(std::string_view value) {
	using namespace std::chrono_literals;
	// Under a minute it would be a polling loop; over a year nobody means it.
	const auto interval = parse_interval(value);
	if (!interval || *interval < 1min || *interval > 366 * 24h)
		invalid("must be an interval from 1 minute to 366 days, such as '4 h', '30 minutes' or '1 day'");
}

void check_words(std::string_view value, bool (*good)(std::string_view), const char *message) {
	const auto words = text::split(value);
	if (words.empty() || !std::all_of(words.begin(), words.end(), good))
		invalid(message);
}

bool all_in(std::string_view word, char first, char last) {
	return std::all_of(word.begin(), word.end(), [&](char c) { return c >= first && c <= last; });
}

void check_language(std::string_view value) {
	if (value.size() != 2 || !all_in(value, 'a', 'z'))
		invalid("must be a language code of two small letters, such as en");
}

void check_country_codes(std::string_view value) {
	check_words(
	    value, [](std::string_view word) { return word.size() == 2 && all_in(word, 'A', 'Z'); },
	    "must be country codes of two capital letters, separated by commas, such as US,CA");
}

void check_products(std::string_view value) {
	const auto good = [](std::string_view word) {
		return std::all_of(word.begin(), word.end(), [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); });
	};
	check_words(value, good, "must be product names, separated by commas, such as transactions");
}

void check_webhook_scheme(std::string_view value) {
	constexpr std::array<std::string_view, 5> kSchemes{"plaid_jwt", "hmac_sha256", "hmac_sha512", "ecdsa_sha256",
	                                                   "tl_signature"};
	if (std::find(kSchemes.begin(), kSchemes.end(), value) == kSchemes.end())
		invalid("unknown signature scheme",
		        "Valid values: plaid_jwt, hmac_sha256, hmac_sha512, ecdsa_sha256, tl_signature.");
}

void check_webhook_sources(std::string_view value) {
	check_words(
	    value, [](std::string_view word) { return parse_network(word).has_value(); },
	    "must be addresses or networks, separated by commas, such as 52.21.26.131,10.0.0.0/8");
}

void check_scopes(std::string_view value) {
	const auto good = [](std::string_view word) {
		return std::find(kScopes.begin(), kScopes.end(), word) != kScopes.end();
	};
	const auto words = text::split(value, ' ');
	if (words.empty() || !std::all_of(words.begin(), words.end(), good))
		invalid("must be scopes, separated by blanks, such as info accounts balance transactions offline_access");
}

void check_bank_groups(std::string_view value) {
	const auto good = [](std::string_view word) {
		return std::all_of(word.begin(), word.end(), [](char c) {
			return c == '-' || c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		});
	};
	const auto words = text::split(value, ' ');
	if (words.empty() || !std::all_of(words.begin(), words.end(), good))
		invalid("must be banks or groups of them, separated by blanks, such as uk-ob-all de-xs2a-all");
}

void check_sign_mode(std::string_view value) {
	if (value != "by_type" && value != "raw")
		invalid("must be by_type or raw");
}

void check_path(std::string_view value) {
	if (!value.starts_with('/') || value.find_first_of("?# ") != value.npos)
		invalid("must be a path such as /connections/extend");
}

// ---- the tables ----

// Providers that are read over windows of days (window_provider.hpp).
constexpr std::string_view kWithoutChangeFeed = "truelayer mastercard";

// name, catalog, providers, default, secret, superuser only, check
constexpr std::array kSpecs = std::to_array<OptionSpec>({
    {"provider", kServer, "all", "", false, false, check_provider},
    {"environment", kServer, "all", "sandbox", false, false, check_environment},
    {"api_url", kServer, "all", "", false, false, check_base_url},
    {"ca_file", kServer, "all", "", false, true, check_not_blank},
    {"client_name", kServer, "all", "", false, false, check_not_blank},
    {"language", kServer, "all", "en", false, false, check_language},
    {"country_codes", kServer, "all", "US", false, false, check_country_codes},
    {"products", kServer, "all", "transactions", false, false, check_products},
    {"redirect_uri", kServer, "all", "", false, false, check_url},
    {"webhook_url", kServer, "all", "", false, false, check_url},
    {"webhook_scheme", kServer, "all", "", false, false, check_webhook_scheme},
    {"webhook_tolerance", kServer, "all", "", false, false, check_interval},
    {"webhook_jku", kServer, "all", "", false, false, check_url},
    {"webhook_sources", kServer, "all", "", false, false, check_webhook_sources},
    {"user_ref_prefix", kServer, "all", "", false, false, nullptr},
    {"sync_interval", kServer, "all", "", false, false, check_interval},
    {"history_days", kServer, "all", "90", false, false, check_integer<1, 3660>}, // Plaid: as days_requested
    {"overlap_days", kServer, kWithoutChangeFeed, "10", false, false, check_integer<1, 366>},
    {"keep_raw", kServer, "all", "false", false, false, check_boolean},
    {"limits", kServer, "all", "", false, false, check_not_blank}, // for the rest see check_limits()

    {"unattended_per_day", kServer, "truelayer", "", false, false, check_integer<0, 1'000'000>},

    {"days_requested", kServer, "plaid", "90", false, false, check_integer<1, 730>},

    {"auth_url", kServer, "truelayer", "", false, false, check_base_url},
    {"scopes", kServer, "truelayer", "info accounts balance transactions offline_access", false, false, check_scopes},
    {"providers", kServer, "truelayer", "", false, false, check_bank_groups},
    {"sign_mode", kServer, "truelayer", "by_type", false, false, check_sign_mode},
    {"async", kServer, "truelayer", "false", false, false, check_boolean},
    {"nonce", kServer, "truelayer", "true", false, false, check_boolean},
    {"deep_history_for", kServer, "truelayer", "5 minutes", false, false, check_interval},
    {"consent_days", kServer, "truelayer", "90", false, false, check_integer<1, 730>},
    {"extend_path", kServer, "truelayer", "/connections/extend", false, false, check_path},

    {"client_id", kMapping, "all", "", false, false, check_not_blank},
    {"client_secret", kMapping, "all", "", true, false, check_not_blank},
    {"client_secret_file", kMapping, "all", "", false, true, check_not_blank},
    {"webhook_secret", kMapping, "all", "", true, false, check_secrets},
    {"webhook_public_key", kMapping, "all", "", false, false, check_public_keys},
});

struct ProviderDefault {
	std::string_view provider;
	std::string_view option;
	std::string_view value;
};

// TrueLayer: history is what any bank shows right after the login. Mastercard: how young a row is that banks rewrite.
constexpr std::array kProviderDefaults = std::to_array<ProviderDefault>({
    {"plaid", "sync_interval", "4 h"},
    {"truelayer", "sync_interval", "8 h"},
    {"truelayer", "history_days", "2190"},
    {"truelayer", "country_codes", ""},
    {"mastercard", "overlap_days", "30"},
    {"plaid", "webhook_scheme", "plaid_jwt"},
    {"truelayer", "webhook_scheme", "tl_signature"},
    {"truelayer", "unattended_per_day", "4"}, // PSD2's rule for banks
});

bool knows(const OptionSpec &spec, std::string_view provider) {
	if (spec.providers == "all")
		return true;
	const auto names = text::split(spec.providers, ' ');
	return std::find(names.begin(), names.end(), provider) != names.end();
}

[[noreturn]] void unknown_option(OptionCatalog catalog, std::string_view provider, std::string_view name) {
	const bool server = catalog == kServer;
	const std::string quoted = "\"" + std::string(name) + "\"";
	if (find_option(server ? kMapping : kServer, name))
		throw Error(ErrorCode::unknown_option,
		            "option " + quoted + " is not allowed on a " + (server ? "server" : "user mapping"), {},
		            server ? "Put it into the user mapping: every role can read the options of a server."
		                   : "Put it on the server.");
	std::vector<std::string_view> names;
	for (const OptionSpec &spec : kSpecs)
		if (spec.catalog == catalog && (provider.empty() || knows(spec, provider)))
			names.push_back(spec.name);
	const std::string_view near = text::nearest(name, names);
	std::string hint;
	if (!near.empty()) {
		hint = "Perhaps you meant the option \"" + std::string(near) + "\".";
	} else {
		hint = "Valid options: ";
		for (std::size_t i = 0; i < names.size(); ++i)
			hint.append(i ? ", " : "").append(names[i]);
		hint += ".";
	}
	throw Error(ErrorCode::unknown_option, "invalid option " + quoted, {}, hint);
}

/// Its classes are the provider's.
void check_limits(std::string_view provider, std::string_view environment, std::string_view value) {
	try {
		(void)read_limits(find_provider(provider)->call_classes(), environment, value);
	} catch (const Error &error) {
		throw Error(error.code(), "invalid value for option \"limits\": " + error.message(), error.detail(),
		            error.hint());
	}
}

std::string_view value_of(OptionList options, std::string_view name) {
	const auto it =
	    std::find_if(options.begin(), options.end(), [&](const auto &option) { return option.first == name; });
	return it == options.end() ? std::string_view{} : it->second;
}

} // namespace

std::span<const OptionSpec> option_specs() {
	return kSpecs;
}

const OptionSpec *find_option(OptionCatalog catalog, std::string_view name) {
	const auto *it = std::find_if(kSpecs.begin(), kSpecs.end(),
	                              [&](const OptionSpec &spec) { return spec.catalog == catalog && spec.name == name; });
	return it == kSpecs.end() ? nullptr : it;
}

std::string_view default_for(const OptionSpec &spec, std::string_view provider) {
	for (const ProviderDefault &row : kProviderDefaults)
		if (row.provider == provider && row.option == spec.name)
			return row.value;
	return spec.fallback;
}

void validate_option(OptionCatalog catalog, std::string_view provider, std::string_view name, std::string_view value) {
	const OptionSpec *spec = find_option(catalog, name);
	if (!spec)
		unknown_option(catalog, provider, name);
	if (provider == kEveryProvider && name != "provider")
		invalid("a server with provider \"all\" has no option but provider",
		        "Set options on the servers of the providers it stands for.");
	if (!provider.empty() && !knows(*spec, provider))
		invalid("option \"" + std::string(name) + "\" does not belong to provider " + std::string(provider));
	if (!spec->check)
		return;
	try {
		spec->check(value);
	} catch (const Error &error) {
		throw Error(error.code(), "invalid value for option \"" + std::string(name) + "\": " + error.message(),
		            error.detail(), error.hint());
	}
}

void validate_server_options(OptionList options) {
	const std::string_view provider = value_of(options, "provider");
	if (provider.empty())
		throw Error(ErrorCode::missing_option, "option \"provider\" is missing", {},
		            "CREATE SERVER … OPTIONS (provider 'plaid', …)");
	validate_option(kServer, {}, "provider", provider);
	for (const auto &[name, value] : options)
		validate_option(kServer, provider, name, value);
	if (const std::string_view limits = value_of(options, "limits"); !limits.empty())
		check_limits(provider, value_of(options, "environment"), limits);
	if (value_of(options, "environment") != "production")
		return;
	for (const std::string_view name : {"redirect_uri", "webhook_url", "webhook_jku"})
		if (const std::string_view url = value_of(options, name); !url.empty() && !is_https(url))
			invalid("option \"" + std::string(name) + "\" must be https in production");
}

} // namespace ob::providers

#include "core/pure.hpp"
