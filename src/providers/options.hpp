// The option tables of SERVER and USER MAPPING: one row an option drives validation, hints, defaults and docs. C++
// regime.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "core/pure.hpp"

namespace ob::providers {

enum class OptionCatalog { server, user_mapping };

struct OptionSpec {
	std::string_view name;
	OptionCatalog catalog;
	/// Space separated provider names that know it; "all" for every provider.
	std::string_view providers;
	/// Default, empty if none (`default_for` knows defaults that differ by provider).
	std::string_view fallback;
	bool secret;         // sealed or clear; only in a user mapping
	bool superuser_only; // picks a file to read
	/// Throws Error(invalid_argument) if the value is not valid; nullptr: any text.
	void (*check)(std::string_view value);
};

std::span<const OptionSpec> option_specs();
/// nullptr if there is none of that name in that catalog.
const OptionSpec *find_option(OptionCatalog catalog, std::string_view name);
/// The default for this provider; empty if none.
std::string_view default_for(const OptionSpec &spec, std::string_view provider);
/// Throws Error(unknown_option, HV00D) with the nearest valid name as hint, or invalid_argument for a bad value, or for
/// an option that `provider` does not know. `provider` may be empty (a user mapping's validator does not see it).
void validate_option(OptionCatalog catalog, std::string_view provider, std::string_view name, std::string_view value);

/// A server's whole list: each option as above, `provider` present (missing_option, HV00J), and what depends on two
/// options: URLs that a bank or a provider opens are https in production.
using OptionList = std::span<const std::pair<std::string_view, std::string_view>>;
void validate_server_options(OptionList options);

} // namespace ob::providers

#include "core/pure.hpp"
