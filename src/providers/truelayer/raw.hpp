// Calls that the extension does not model. C++ regime.
#pragma once

#include "core/task.hpp"
#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// The Data API with a connection's token, or the list of banks. Throws not_allowed for everything else: the other
/// calls make, change or end tokens.
Task<http::Response> raw_call(Session session, RawCall call, Credentials credentials);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
