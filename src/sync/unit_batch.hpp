// Results with nothing new share a commit: thousands of connections without news cost dozens of commits. C++ regime.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <vector>

#include "core/store.hpp"
#include "core/task.hpp"
#include "sync/signal.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// Gathers commit units. Whoever hands one in waits until the unit that holds it has committed, and only then may give
/// up its claim on the connection.
class UnitBatch {
public:
	/// One commit each would cost two seconds for 10,000 of them; beyond this number little is gained, and a failure
	/// makes all of them run once more, alone.
	static constexpr std::size_t kLimit = 64;

	/// `joined` is notified when a unit was handed in and its owner waits.
	UnitBatch(SyncStore &store, Signal &joined) : store_(store), joined_(joined) {}
	UnitBatch(const UnitBatch &) = delete;
	UnitBatch &operator=(const UnitBatch &) = delete;

	/// Runs `body` in a shared unit. Throws what `body` throws; the others' bodies are not harmed by that, but may run
	/// twice: first in a unit that was rolled back. Destroying the task takes the body back if it has not run.
	Task<void> run(std::function<void()> body);

	/// Runs and commits what has been handed in.
	void flush();
	std::size_t waiting() const noexcept { return entries_.size(); }
	/// Since when the oldest one waits. Only if one does.
	std::chrono::steady_clock::time_point oldest() const noexcept { return oldest_; }

private:
	class Entry;

	void run_alone(Entry &entry);

	SyncStore &store_;
	Signal &joined_;
	std::vector<Entry *> entries_;
	std::chrono::steady_clock::time_point oldest_{};
};

} // namespace ob::sync

#include "core/pure.hpp"
