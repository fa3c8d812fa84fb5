// A provider whose exchange need not tell which connection it has made. C++ regime.
#pragma once

#include <string>

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// Established::provider_connection_id may be empty. It is asked for when the tokens are safe: nobody could end a
/// connection whose tokens were lost while that was found out.
class ConnectionNaming {
public:
	ConnectionNaming() = default;
	ConnectionNaming(const ConnectionNaming &) = delete;
	ConnectionNaming &operator=(const ConnectionNaming &) = delete;
	virtual ~ConnectionNaming() = default;

	/// The id of the connection that these tokens are of; never empty.
	virtual Task<std::string> connection_id(Session session, Credentials credentials) const = 0;
};

} // namespace ob::providers

#include "core/pure.hpp"
