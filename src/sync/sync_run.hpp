// What every sync of a connection does around its reading: the provider's word on it, the report, pauses. C++ regime.
#pragma once

#include <chrono>
#include <optional>

#include "core/store.hpp"
#include "core/task.hpp"
#include "providers/provider.hpp"
#include "sync/engine.hpp"
#include "sync/health_check.hpp"

#include "core/pure.hpp"

namespace ob::sync {

class SyncRun {
public:
	SyncRun(SyncContext context, SyncTarget target);
	virtual ~SyncRun() = default;
	SyncRun(const SyncRun &) = delete;
	SyncRun &operator=(const SyncRun &) = delete;

	/// Throws what ends the sync; nothing is recorded yet then.
	Task<void> run(bool full);
	/// Records that the provider wants us to wait.
	void defer(Timestamp until);
	const SyncReport &report() const noexcept { return report_; }

protected:
	virtual Task<void> read_everything(bool full) = 0;

	void note_progress(const TransactionPage &page);
	/// The provider's word on the connection goes into the report.
	Task<void> note_health();
	/// When to ask a connection of its age again; nothing if its interval ends before that.
	std::optional<Timestamp> by_age(std::chrono::seconds least) const;
	/// The provider has no data yet.
	void mark_waiting(SyncReport &report) const;
	void fill_totals(SyncReport &report) const;

	/// At a limit: how long to wait before the same page is asked for again; nothing if the limit ends the sync. Before
	/// the first page nothing is lost by coming back later.
	std::optional<std::chrono::milliseconds> limit_pause(const ProviderError &error, int waits) const;
	/// Before the n-th restart in a row, from 1.
	std::chrono::milliseconds restart_pause(int restarts) const;

	SyncContext context_;
	SyncTarget target_;
	SyncReport report_;
	SyncState state_; // as stored
	Progress progress_;
	std::optional<ConnectionHealth> told_health_; // beside the accounts

private:
	bool health_due(bool full) const;
	std::chrono::milliseconds jitter(std::chrono::milliseconds upper) const;

	providers::CallStats own_stats_; // where the caller keeps none
	std::int64_t requests_before_ = 0;
	Timestamp started_;
	HealthCheck *health_ = nullptr; // where the provider is asked for that alone
};

} // namespace ob::sync

#include "core/pure.hpp"
