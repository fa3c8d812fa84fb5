// Foreign servers and user mappings, as calls need them. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <memory>
#include <string>
#include <string_view>

#include "providers/provider.hpp"

namespace ob::pg::store {

struct LoadedServer {
	std::shared_ptr<const providers::ServerConfig> config;
	const providers::Provider *provider = nullptr;
	/// The version of server and mapping: another backend that sees a different one looks at other options.
	std::string version;
};

/// Checks that a server of that name is ours and that the caller has USAGE on it. Throws not_found, not_allowed.
void check_usage(std::string_view server);

/// Whether there is a server of that name, of our wrapper.
bool is_ours(std::string_view server);

/// Whether the present role may alter it.
bool owns(std::string_view server);

/// Names of the servers that the present command has dropped. In an event trigger on sql_drop.
std::vector<std::string> dropped_servers();

/// Provider name of a server (option provider). Throws not_found.
std::string provider_of(std::string_view server);

/// A server's options alone, without credentials. Throws not_found.
providers::ServerConfig server_options(std::string_view server);

/// Names of the servers (their provider is not `all`) that the caller may use.
std::vector<std::string> usable_servers();

/// Options and credentials (unsealed) for calls of `role` through `server`: the role's user mapping, else PUBLIC's.
/// Throws not_found, missing_option, not_configured (a clear secret in production, no key, a copy), unseal_failed.
LoadedServer load_server(std::string_view server, std::string_view role);

} // namespace ob::pg::store
