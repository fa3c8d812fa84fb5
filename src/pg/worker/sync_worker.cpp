// The sync worker: a background process that syncs what is due in its database as soon as a bank has been linked or has
// news, so that rows appear within seconds without any schedule. One per database. C++ regime behind
// ob_sync_worker_main.
//
// It stays for as long as a bank that was just linked is still being read by its provider. Whoever starts another one
// while it lives need not wait for that: the other one finds the lock taken and ends, and this one looks what is due
// each second, and once more after it has let go of the lock.

#include "pg/postgres.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
}

#include <chrono>
#include <list>
#include <map>
#include <optional>

#include "core/loop.hpp"
#include "pg/entry.hpp"
#include "pg/locks.hpp"
#include "pg/log.hpp"
#include "pg/runtime.hpp"
#include "pg/settings.hpp"
#include "pg/store/installation.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/servers.hpp"
#include "pg/transaction.hpp"
#include "pg/worker/due_run.hpp"
#include "pg/worker/end.hpp"
#include "pg/worker/session.hpp"

namespace ob::pg::worker {

namespace {

using std::chrono::steady_clock;

// Runs side by side: a bank that does not answer must not hold up one that has just been linked.
constexpr std::size_t kRuns = 4;
constexpr std::chrono::seconds kLook{1};
// What stayed due although a run has been at it (somebody keeps its row locked) is tried again after so long.
constexpr std::chrono::seconds kTryAgain{30};

/// For pg_stat_activity.
void show(bool is_idle) {
	guard([&] {
		pgstat_report_activity(is_idle ? STATE_IDLE : STATE_RUNNING,
		                       is_idle ? "waiting for the history of new banks" : "syncing what is due");
	});
}

/// The lock that makes it the only one; it goes with the process too.
bool become_the_one() {
	return try_lock(LockClass::sync_worker, 0, LockScope::session);
}
void step_down() {
	unlock_session(LockClass::sync_worker, 0);
}

/// Takes in a changed configuration while it waits. Throws Interrupted to end the process.
class SyncWorkerWaiter final : public Waiter {
public:
	void wait(int fd) override {
		check();
		wait_once(fd, -1);
		check();
	}
	void check() override {
		if (ConfigReloadPending) {
			ConfigReloadPending = false;
			guard([] { ProcessConfigFile(PGC_SIGHUP); });
		}
		Runtime::get().waiter().check();
	}
};

class SyncWorker {
public:
	SyncWorker() : loop_(Runtime::get().reactor(), waiter_) { tasks_.emplace(loop_); }

	/// Until nothing is left to do or to wait for, or it is told to end.
	void run();

private:
	struct Run {
		explicit Run(store::DueFilter filter) : due(store::Commit::own_transactions, std::move(filter)) {}
		DueRun due;
		bool ended = false;
	};
	struct Outlook {
		std::vector<std::string> servers;
		std::vector<store::Upcoming> syncs;
		bool work = false; // something is due that no run has been at yet
		bool wait = false; // for a bank that was just linked
	};

	Task<void> live();
	static Task<void> carry_out(Run *run);
	Outlook look();
	void start_run(const Outlook &outlook);

	SyncWorkerWaiter waiter_;
	Loop loop_;
	std::list<Run> runs_;
	std::optional<TaskGroup> tasks_; // of runs_
	/// When a run has been at it, by connection and by when that was due.
	std::map<std::pair<ConnectionId, Timestamp>, steady_clock::time_point> tried_;
};

void SyncWorker::run() {
	std::exception_ptr error;
	try {
		loop_.run(live());
	} catch (...) {
		error = std::current_exception();
	}
	tasks_.reset();
	// Runs that are cut off because the worker has to go give back what they have claimed, whatever makes it go.
	const std::exception_ptr cut_off = error ? error : std::make_exception_ptr(Interrupted());
	for (Run &run : runs_)
		if (!run.ended)
			run.due.end(cut_off);
	if (error && !is_an_end(error))
		std::rethrow_exception(error);
}

Task<void> SyncWorker::live() {
	while (settings::enabled() && !guard([] { return database_is_wanted(); })) {
		tasks_->reap();
		runs_.remove_if([](const Run &run) { return run.ended; });
		Outlook outlook = look();
		if (outlook.work && runs_.size() < kRuns) {
			start_run(outlook);
		} else if (runs_.empty() && !outlook.wait) {
			step_down();
			outlook = look();
			if ((!outlook.work && !outlook.wait) || !become_the_one())
				co_return;
			continue;
		}
		show(runs_.empty());
		Sleep pause(kLook);
		co_await pause;
	}
}

SyncWorker::Outlook SyncWorker::look() {
	Outlook outlook;
	transaction([&] {
		if (!store::is_adopted())
			return;
		outlook.servers = store::usable_servers();
		store::as_owner([&] { outlook.syncs = store::upcoming_syncs(outlook.servers); });
	});
	const auto now = steady_clock::now();
	std::erase_if(tried_, [&](const auto &entry) { return now - entry.second > kTryAgain; });
	for (const store::Upcoming &sync : outlook.syncs) {
		outlook.work = outlook.work || (sync.is_due && !tried_.contains({sync.id, sync.at}));
		outlook.wait = outlook.wait || sync.is_young;
	}
	return outlook;
}

void SyncWorker::start_run(const Outlook &outlook) {
	for (const store::Upcoming &sync : outlook.syncs)
		if (sync.is_due)
			tried_.try_emplace({sync.id, sync.at}, steady_clock::now());
	runs_.emplace_back(store::DueFilter{outlook.servers, std::nullopt});
	tasks_->spawn(carry_out(&runs_.back()));
}

Task<void> SyncWorker::carry_out(Run *run) {
	sync::DueLimits limits;
	limits.parallel = static_cast<std::size_t>(settings::max_parallel());
	std::exception_ptr failure;
	try {
		Task<sync::DueCounts> task = run->due.pass(limits);
		(void)co_await task;
	} catch (const Error &) {
		failure = std::current_exception();
	}
	if (failure)
		log_failure("sync worker", failure);
	run->due.end(failure);
	run->ended = true;
}

/// Told to end, it does not raise: what it had claimed is given back first.
void set_up_signals() {
	pqsignal(SIGTERM, StatementCancelHandler);
	pqsignal(SIGINT, StatementCancelHandler);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
}

} // namespace

} // namespace ob::pg::worker

extern "C" {
__attribute__((visibility("default"))) void ob_sync_worker_main(Datum argument);
}

extern "C" void ob_sync_worker_main(Datum argument) {
	using namespace ob::pg;
	using namespace ob::pg::worker;
	entry([&] {
		guard([&] {
			set_up_signals();
			begin_worker_session(DatumGetObjectId(argument));
		});
		if (become_the_one())
			SyncWorker().run();
	});
}
