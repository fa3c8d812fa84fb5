// A bank, a database and the engine between them.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "sync/engine.hpp"
#include "unit/support/bank_model.hpp"
#include "unit/support/fake_store.hpp"
#include "unit/support/plaid_session.hpp"

namespace ob::test {

struct SyncBench {
	SyncBench() {
		bank.add_account("acc");
		plaid.transport.handle_with([this](const SentRequest &request) { return bank.answer(request); });
	}

	sync::SyncContext context() {
		sync::SyncContext context;
		context.provider = &plaid.provider;
		context.session = plaid.session();
		context.credentials = PlaidSession::credentials();
		context.store = &store;
		context.clock = &plaid.clock;
		context.random = [](std::uint64_t) { return std::uint64_t{0}; };
		context.pacing.restart_pause = std::chrono::milliseconds(0);
		return context;
	}
	SyncTarget target() {
		SyncTarget target;
		target.id = 1;
		target.state = "active";
		target.sync = store.connection().state;
		target.sync_interval = std::chrono::hours(4);
		target.created_at = linked_at;
		target.has_quarantine = !store.connection().quarantine.empty();
		target.keep_raw = keep_raw;
		target.health_read_at = store.connection().health_read_at;
		target.paused_accounts = store.connection().paused_accounts();
		return target;
	}

	SyncReport sync(bool full = false) { return run_task(sync::sync_connection(context(), target(), full)); }

	/// Runs for at most `turns` turns of the loop, then destroys the engine where it stands. Nothing if that happened.
	std::optional<SyncReport> sync_or_kill(int turns, bool full = false) {
		std::optional<SyncReport> report;
		Reactor reactor;
		PollWaiter waiter;
		Loop loop(reactor, waiter);
		TaskGroup group(loop);
		group.spawn(keep_report(sync::sync_connection(context(), target(), full), &report));
		loop.drive([&] { return group.running() == 0 || turns-- <= 0; });
		group.reap();
		return report;
	}

	std::string differences() { return bank.differences(store.connection()); }
	const SyncFailure &failure() { return store.failures[1].back(); }

	BankModel bank;
	FakeStore store;
	PlaidSession plaid;
	bool keep_raw = false;
	Timestamp linked_at = plaid.clock.now();

private:
	static Task<void> keep_report(Task<SyncReport> task, std::optional<SyncReport> *report) {
		SyncReport result = co_await task;
		report->emplace(result);
	}
};

// ---- small helpers ----

inline std::vector<std::string> ids(std::initializer_list<const char *> list) {
	return {list.begin(), list.end()};
}

inline void add_many(BankModel &bank, int count, const std::string &prefix = "t") {
	for (int i = 0; i < count; ++i)
		bank.add(prefix + std::to_string(i), std::to_string(i + 1) + ".50");
}

/// Makes a connection whose history is complete and synced.
inline void settle(SyncBench &bench, int count = 7) {
	add_many(bench.bank, count);
	bench.sync();
	ASSERT_TRUE(bench.store.connection().state.history_complete);
	bench.store.commits = bench.store.row_writes = bench.store.rows_offered = 0;
	bench.plaid.transport.requests.clear();
}

} // namespace ob::test
