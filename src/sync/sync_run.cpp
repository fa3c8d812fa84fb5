// C++ regime.
#include "sync/sync_run.hpp"

#include <algorithm>
#include <utility>

#include "core/loop.hpp"

#include "core/pure.hpp"

namespace ob::sync {

namespace {

using namespace std::chrono_literals;

// A new connection's first data come after about ten seconds, its history after minutes: the younger it is, the sooner
// it is asked again.
constexpr std::chrono::seconds kNotReadyPause = 5s;
constexpr std::chrono::seconds kLongestPause = 15min;

// Where the accounts tell how the connection is, all that a call of its own adds is when the bank was last read, which it
// is a few times a day.
constexpr auto kHealthInterval = 1h;

} // namespace

SyncRun::SyncRun(SyncContext context, SyncTarget target)
    : context_(std::move(context)), target_(std::move(target)), state_(target_.sync), started_(context_.clock->now()) {
	if (!context_.session.stats)
		context_.session.stats = &own_stats_;
	if (!context_.random)
		context_.random = system_random();
	requests_before_ = context_.session.stats->requests;
}

Task<void> SyncRun::run(bool full) {
	Loop &loop = co_await ThisLoop();
	std::optional<HealthCheck> health;
	if (health_due(full))
		health_ = &health.emplace(loop, *context_.provider, context_.session, context_.credentials, !target_.bank_named);
	co_await read_everything(full);
}

bool SyncRun::health_due(bool full) const {
	const bool was_well = target_.state == "active" && state_.attempts == 0;
	if (!context_.provider->accounts_tell_health() || full || !state_.initial_sync_done || !was_well ||
	    !target_.health_read_at)
		return true;
	const Timestamp now = context_.clock->now();
	return now < *target_.health_read_at || now >= *target_.health_read_at + kHealthInterval;
}

void SyncRun::defer(Timestamp until) {
	SyncReport report = report_;
	report.status = SyncStatus::deferred;
	report.retry_at = until;
	fill_totals(report);
	context_.store->unit([&] { context_.store->finish(target_.id, report); });
	report_ = report;
}

void SyncRun::note_progress(const TransactionPage &page) {
	++progress_.pages;
	progress_.transactions += static_cast<std::int64_t>(page.rows.size() + page.removed.size());
	if (context_.progress)
		context_.progress(progress_);
}

Task<void> SyncRun::note_health() {
	report_.health = told_health_;
	if (health_) {
		Task<std::optional<Health>> result = health_->result(context_.pacing.health_patience);
		if (const std::optional<Health> answer = co_await result) {
			report_.health = answer->of_connection;
			report_.health_read_at = context_.clock->now();
			report_.institution_logo = answer->institution_logo;
		}
	}
	if (report_.health)
		report_.standing_error = standing_failure(*report_.health);
}

std::optional<Timestamp> SyncRun::by_age(std::chrono::seconds least) const {
	const Timestamp now = context_.clock->now();
	const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - target_.created_at);
	const auto pause = std::clamp(age / 2, least, kLongestPause);
	return pause < target_.sync_interval ? std::optional(now + pause) : std::nullopt;
}

void SyncRun::mark_waiting(SyncReport &report) const {
	report.status = SyncStatus::waiting;
	report.retry_at = by_age(kNotReadyPause);
}

void SyncRun::fill_totals(SyncReport &report) const {
	report.requests = context_.session.stats->requests - requests_before_;
	report.duration = context_.clock->now() - started_;
}

std::optional<std::chrono::milliseconds> SyncRun::limit_pause(const ProviderError &error, int waits) const {
	const std::chrono::seconds wait = error.retry_after().value_or(60s);
	if (error.reaction() != Reaction::rate_limited || progress_.pages == 0 || waits >= context_.pacing.limit_waits ||
	    wait > context_.pacing.longest_limit_wait)
		return std::nullopt;
	return wait + jitter(wait / 4);
}

std::chrono::milliseconds SyncRun::restart_pause(int restarts) const {
	const auto pause = context_.pacing.restart_pause * (1 << std::min(restarts - 1, 6));
	return pause + jitter(pause / 2);
}

std::chrono::milliseconds SyncRun::jitter(std::chrono::milliseconds upper) const {
	return std::chrono::milliseconds(context_.random(static_cast<std::uint64_t>(upper.count())));
}

} // namespace ob::sync

#include "core/pure.hpp"
