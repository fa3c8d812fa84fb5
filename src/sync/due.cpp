// C++ regime.
#include "sync/due.hpp"

#include <algorithm>
#include <deque>
#include <exception>
#include <memory>
#include <set>
#include <utility>

#include "core/loop.hpp"
#include "sync/breaker.hpp"
#include "sync/limited.hpp"
#include "sync/signal.hpp"
#include "sync/unit_batch.hpp"

#include "core/pure.hpp"

namespace ob::sync {

namespace {

// How long a result without news may wait for others to share its commit: its connection stays claimed so long.
constexpr std::chrono::milliseconds kPatience{500};

/// What the tasks of one run share.
struct Run {
	DueContext context;
	DueCounts counts;
	Signal changed; // a task has ended, or waits for its commit or a budget
	Limited limited{changed};
	UnitBatch batch;

	explicit Run(DueContext c) : context(std::move(c)), batch(context.store->sync_store(), changed) {}
};

/// A claimed connection on its way, as far as what becomes of it has to know.
struct Attempt {
	std::int32_t failures = 0; // in a row, before this one
	bool recorded = false;     // whatever comes: by the engine
};

void watch_budget(Run &run, const std::string &server, providers::Session &session) {
	if (!session.server->budget)
		return;
	auto watched = std::make_shared<providers::ServerConfig>(*session.server);
	watched->budget = std::make_shared<WatchedBudget>(watched->budget, run.limited, server);
	session.server = std::move(watched);
}

/// Throws what ends the sync; records it from where `attempt` says so.
Task<SyncReport> sync_claimed(Run *run, ConnectionId id, Attempt *attempt) {
	DueConnection connection = run->context.store->load(id);
	attempt->failures = connection.target.sync.attempts;
	SyncContext context;
	context.session = run->context.sessions->open(connection);
	watch_budget(*run, connection.server, context.session);
	context.provider = providers::find_provider(context.session.server->provider);
	if (!context.provider)
		throw Error(ErrorCode::not_found, "unknown provider");
	providers::CallStats stats;
	context.session.stats = &stats;
	context.credentials = std::move(connection.tokens);
	context.store = &run->context.store->sync_store();
	context.clock = run->context.clock;
	context.batch = &run->batch;
	context.random = run->context.random;
	context.pacing = run->context.pacing;
	attempt->recorded = true;
	co_return co_await sync_connection(std::move(context), std::move(connection.target), false);
}

void count(DueCounts &counts, const SyncReport &report) {
	switch (report.status) {
	case SyncStatus::complete:
		++counts.complete;
		break;
	case SyncStatus::waiting:
		++counts.waiting;
		break;
	case SyncStatus::deferred:
	case SyncStatus::busy:
		++counts.deferred;
		break;
	}
	counts.transactions += report.transactions;
	counts.requests += report.requests;
}

void record(Run &run, ConnectionId id, const SyncFailure &failure) {
	try {
		run.context.store->sync_store().record_failure(id, failure);
	} catch (const Error &) {
		// Counted as failed all the same; the connection stays due.
	}
}

void release(Run &run, ConnectionId id) {
	try {
		run.context.store->release(id);
	} catch (const Error &) {
		// The lease runs out by itself.
	}
}

/// `status` or `failure` is there. Whoever was deferred may have called nobody, and what a provider answers by itself
/// tells nothing of the bank.
void note_breakers(Run &run, ConnectionId id, std::optional<SyncStatus> status,
                   const std::optional<SyncFailure> &failure) {
	DueStore &store = *run.context.store;
	const std::optional<BreakerScope> against = failure ? breaker_scope(*failure) : std::nullopt;
	const bool has_answered =
	    status == SyncStatus::complete || status == SyncStatus::waiting || (failure && is_answer(*failure));
	try {
		if (has_answered)
			store.close_breakers(id, status == SyncStatus::complete);
		if (against)
			store.trip(id, *against, breaker_opens_for);
	} catch (const Error &) {
		// The next one counts.
	}
}

Task<void> sync_one(Run *run, ConnectionId id) {
	Attempt attempt;
	std::optional<SyncStatus> status;
	std::optional<SyncFailure> failure;
	try {
		SyncReport report = co_await sync_claimed(run, id, &attempt);
		status = report.status;
		count(run->counts, report);
	} catch (const Error &error) {
		FailureContext context;
		context.now = run->context.clock->now();
		context.attempts = attempt.failures;
		context.random = run->context.random;
		failure = decide_failure(error, context);
	}
	if (failure) {
		++run->counts.failed;
		if (!attempt.recorded)
			record(*run, id, *failure);
	}
	note_breakers(*run, id, status, failure);
	release(*run, id);
	run->changed.notify();
}

/// Which connections to begin next.
class Queue {
public:
	Queue(Run &run, DueLimits limits, std::chrono::steady_clock::time_point started)
	    : run_(run), limits_(limits), started_(started) {}

	std::optional<ConnectionId> next() {
		if (limits_.max_duration && std::chrono::steady_clock::now() - started_ >= *limits_.max_duration)
			stop();
		if (claimed_.empty())
			claim_more();
		if (claimed_.empty())
			return std::nullopt;
		const ConnectionId id = claimed_.front();
		claimed_.pop_front();
		return id;
	}

	/// Throws what put an end to the claiming. What had begun by then has run to its end.
	void check() const {
		if (trouble_)
			std::rethrow_exception(trouble_);
	}

private:
	/// As many as run at a time, so that a claim's lease does not run out in the queue. Of a server of which as many wait
	/// for its budget, no more until some go on: all others are due as well.
	void claim_more() {
		const std::set<std::string> later = run_.limited.servers_with(limits_.parallel);
		const bool only_those_left =
		    left_for_later_ && std::includes(later.begin(), later.end(), left_for_later_->begin(), left_for_later_->end());
		if (exhausted_ || only_those_left)
			return;
		left_for_later_.reset();
		std::size_t limit = limits_.parallel;
		if (limits_.max_connections) {
			const std::int64_t left = *limits_.max_connections - run_.counts.connections;
			if (left <= 0) {
				exhausted_ = true;
				return;
			}
			limit = std::min(limit, static_cast<std::size_t>(left));
		}
		try {
			for (const ConnectionId id : run_.context.store->claim(limit, later))
				claimed_.push_back(id);
		} catch (const Error &) {
			trouble_ = std::current_exception();
		}
		run_.counts.connections += static_cast<std::int64_t>(claimed_.size());
		if (claimed_.empty() && !later.empty() && !trouble_)
			left_for_later_ = later;
		else
			exhausted_ = claimed_.empty();
	}

	/// Out of time: what was claimed and not begun stays due.
	void stop() {
		for (const ConnectionId id : claimed_)
			release(run_, id);
		run_.counts.connections -= static_cast<std::int64_t>(claimed_.size());
		run_.counts.out_of_time = run_.counts.out_of_time || !exhausted_ || !claimed_.empty();
		claimed_.clear();
		exhausted_ = true;
	}

	Run &run_;
	DueLimits limits_;
	std::chrono::steady_clock::time_point started_;
	std::deque<ConnectionId> claimed_;
	bool exhausted_ = false;
	/// There is nothing left to claim but of these servers.
	std::optional<std::set<std::string>> left_for_later_;
	std::exception_ptr trouble_;
};

} // namespace

Task<DueCounts> sync_due(DueContext context, DueLimits limits) {
	using Instant = std::chrono::steady_clock;
	limits.parallel = std::max<std::size_t>(limits.parallel, 1);
	const auto started = Instant::now();
	Loop &loop = co_await ThisLoop();
	Run run(std::move(context));
	Queue queue(run, limits, started);
	TaskGroup tasks(loop);
	for (;;) {
		tasks.reap();
		// Those that only wait for their commit or a budget take no place.
		if (tasks.running() < limits.parallel + run.batch.waiting() + run.limited.waiting()) {
			if (const auto id = queue.next()) {
				tasks.spawn(sync_one(&run, *id));
				continue;
			}
		}
		if (tasks.running() == 0)
			break;
		const std::size_t waiting = run.batch.waiting();
		if (waiting > 0 && (waiting == tasks.running() || Instant::now() - run.batch.oldest() >= kPatience))
			run.batch.flush();
		Signal::Wait wait(run.changed, kPatience);
		co_await wait;
	}
	queue.check();
	run.counts.duration = std::chrono::duration_cast<std::chrono::microseconds>(Instant::now() - started);
	co_return run.counts;
}

} // namespace ob::sync

#include "core/pure.hpp"
