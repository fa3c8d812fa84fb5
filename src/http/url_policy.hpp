// Which hosts may be called: the providers' own over https, and what the operator lists. C++ regime.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/pure.hpp"

namespace ob::http {

/// Where a URL leads, in one spelling: lower case, no trailing dot, IPv4 as four decimal numbers, IPv6 without brackets
/// in its shortest form.
struct Origin {
	std::string scheme; // http or https
	std::string host;
	std::uint16_t port = 0;
};

/// Throws Error(invalid_argument), which does not quote the URL, for what is not an absolute http(s) URL, has user
/// information in it, or a host that is not plain ASCII.
Origin parse_origin(const std::string &url);

/// An entry of openbanking.allowed_hosts.
struct AllowedHost {
	std::string scheme;
	std::string host;
	std::optional<std::uint16_t> port; // absent: any

	friend bool operator==(const AllowedHost &, const AllowedHost &) = default;
};

/// Reads a comma list of scheme://host[:port]. Throws Error(invalid_argument) with a hint for anything else.
std::vector<AllowedHost> parse_allowed_hosts(std::string_view list);

enum class Verdict {
	refused,
	public_only, // the host's name is good, but it must not lead to a private address
	any_address, // the operator listed this very host
};

/// The rules in force. Immutable; the default admits nothing.
class HostPolicy {
public:
	HostPolicy() = default;
	/// `known_hosts`: names of all the providers' hosts. `allowed_hosts`: the setting. Throws Error(invalid_argument).
	HostPolicy(std::vector<std::string> known_hosts, std::string_view allowed_hosts);

	/// What may be done before the name is resolved. Plain http is only ever admitted by the list.
	Verdict judge(const Origin &origin) const noexcept;

	friend bool operator==(const HostPolicy &, const HostPolicy &) = default;

private:
	std::vector<std::string> known_hosts_; // sorted
	std::vector<AllowedHost> allowed_;
};

} // namespace ob::http

#include "core/pure.hpp"
