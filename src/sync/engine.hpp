// One connection's sync: what to fetch, in which order, what to write together. C++ regime.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "core/clock.hpp"
#include "core/store.hpp"
#include "core/task.hpp"
#include "providers/provider.hpp"
#include "sync/failure.hpp"
#include "sync/unit_batch.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// How patient a sync is. Tests make it quick.
struct Pacing {
	/// Data that change between two pages make the loop begin again. Full pages are read in well under a second, so
	/// more than this many changes in a row are not chance.
	int restarts = 4;
	std::chrono::milliseconds restart_pause{1000}; // before the first restart; doubled for each next one
	/// At a limit in the middle of a loop the engine waits and asks for the same page again: a loop begun anew would
	/// meet the same limit at the same place, so that a long history would never be read to its end.
	int limit_waits = 3; // for one page
	std::chrono::seconds longest_limit_wait{90};
	/// For the provider's word on the connection, once everything else is there.
	std::chrono::milliseconds health_patience{2000};
};

/// What the present loop has read so far.
struct Progress {
	std::int64_t pages = 0;
	std::int64_t transactions = 0; // added, modified and removed ones
	/// How many these will be at the end, where that can be told.
	std::optional<std::int64_t> expected;
};

/// The pointers outlive the sync.
struct SyncContext {
	const providers::Provider *provider = nullptr;
	providers::Session session;
	providers::Credentials credentials;
	SyncStore *store = nullptr;
	const Clock *clock = nullptr;
	UnitBatch *batch = nullptr; // where results with nothing new share a commit; may be absent
	Random random;              // for pauses; empty: system_random()
	std::function<void(const Progress &)> progress; // after each page; may be empty
	Pacing pacing;
};

/// Brings the tables up to date. The caller holds the connection's lock and has looked at its state.
///
/// `full` reads everything again from the beginning and, if the provider has all its history, marks removed what did
/// not come. What can happen: rows and cursor are committed together (during a first backfill page by page); the
/// provider has nothing yet (`waiting`); it wants us to wait (`deferred`). Everything else is recorded with
/// SyncStore::record_failure and thrown: the tables are then as before, but for pages of a first backfill.
Task<SyncReport> sync_connection(SyncContext context, SyncTarget target, bool full);

} // namespace ob::sync

#include "core/pure.hpp"
