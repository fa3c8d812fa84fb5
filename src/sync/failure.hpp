// What a failed sync means: for the connection's state, for the next attempt, for the one who reads about it. C++
// regime.
#pragma once

#include <cstdint>
#include <optional>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/random.hpp"
#include "core/store.hpp"

#include "core/pure.hpp"

namespace ob::sync {

struct FailureContext {
	Timestamp now{};
	std::int32_t attempts = 0; // failures in a row before this one
	Random random;             // empty: system_random()
};

/// Decides upon any error of ours or a provider's. Other exceptions (a cancelled statement, the server's own errors, a
/// defect) are not for here: they pass through the engine untouched.
SyncFailure decide_failure(const Error &error, const FailureContext &context);

/// What a connection becomes whose data can be read although the provider calls it broken: nothing if that is passing
/// trouble, or none at all.
std::optional<SyncFailure> standing_failure(const ConnectionHealth &health);

/// Whether the error says "wait": then until when. Such a sync is deferred, which is no failure.
std::optional<Timestamp> deferred_until(const Error &error, const FailureContext &context);

} // namespace ob::sync

#include "core/pure.hpp"
