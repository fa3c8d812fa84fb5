// Circuit breakers: when so many connections fail in the same way that calling for the others is of no use. C++ regime.
//
// Two kinds, for a bank and for a whole provider. Failures in a row open one for a while; then a single connection is let
// through, and what becomes of it closes the breaker or opens it for longer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/due_store.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// What a failure speaks against; nothing if it says nothing beyond its own connection.
std::optional<BreakerScope> breaker_scope(const SyncFailure &failure);

/// Whether a failure was an answer of the provider, who is there then.
bool is_answer(const SyncFailure &failure);

/// See BreakerTimes.
std::chrono::seconds breaker_opens_for(BreakerScope scope, std::int64_t failures);

} // namespace ob::sync

#include "core/pure.hpp"
