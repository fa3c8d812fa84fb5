// What callers may ask of Plaid's history. C++ regime.
#pragma once

#include <cstdint>

#include "providers/arguments.hpp"
#include "providers/provider.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

/// The caller's days_requested, else the server's. Fixed for the life of the item, by whatever adds Transactions to it:
/// the link, or the first call that reads them.
std::int64_t days_requested(const ServerConfig &server, json::Node option);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
