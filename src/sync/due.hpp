// Syncing everything that is due, many connections at once. C++ regime.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/due_store.hpp"
#include "core/task.hpp"
#include "providers/provider.hpp"
#include "sync/engine.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// Turns a claimed connection into a session with its provider: server options, the user mapping's credentials, the
/// transport.
class SessionSource {
public:
	virtual ~SessionSource() = default;
	/// Throws Error (missing_option, …): a failure of this connection alone. The session's `stats` are not used.
	virtual providers::Session open(const DueConnection &connection) = 0;
};

struct DueLimits {
	std::size_t parallel = 16; // connections at a time
	std::optional<std::int64_t> max_connections;
	/// After this no connection is begun any more; those that are under way go on to their end.
	std::optional<std::chrono::milliseconds> max_duration;
};

struct DueCounts {
	std::int64_t connections = 0; // claimed: the sum of the next four
	std::int64_t complete = 0;
	std::int64_t waiting = 0;
	std::int64_t deferred = 0;
	std::int64_t failed = 0;
	TransactionCounts transactions; // of those that did not fail
	std::int64_t requests = 0;
	std::chrono::microseconds duration{};
	bool out_of_time = false; // max_duration ended the run
};

struct DueContext {
	DueStore *store = nullptr;
	SessionSource *sessions = nullptr;
	const Clock *clock = nullptr;
	Random random;
	Pacing pacing;
};

/// One connection's failure is recorded and counted, never thrown, and holds up nobody: not the others that run beside
/// it, nor those that come after. What is not an Error (a cancelled statement, an error of the server) ends the run.
Task<DueCounts> sync_due(DueContext context, DueLimits limits);

} // namespace ob::sync

#include "core/pure.hpp"
