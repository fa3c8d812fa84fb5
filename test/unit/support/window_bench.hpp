// A bank without a change feed, a database and the engine between them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "sync/engine.hpp"
#include "sync/unit_batch.hpp"
#include "sync/window_plan.hpp"
#include "unit/support/fake_clock.hpp"
#include "unit/support/fake_store.hpp"
#include "unit/support/window_bank.hpp"

namespace ob::test {

inline Date day(std::string_view text) {
	return *time::parse_date(text);
}

struct WindowBench {
	WindowBench() {
		bank.holders[1] = {.id = "acc", .iban = "DE02 1203 0000 0000 2020 51"};
		server->name = "my_bank";
		server->provider = "windowbank";
	}

	sync::SyncContext context() {
		sync::SyncContext context;
		context.provider = &bank;
		context.session.server = server;
		context.session.clock = &clock;
		context.session.stats = &stats;
		context.store = &store;
		context.clock = &clock;
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
		target.created_at = linked_at_;
		target.has_quarantine = !store.connection().quarantine.empty();
		target.keep_raw = keep_raw;
		target.paused_accounts = store.connection().paused_accounts();
		return target;
	}

	SyncReport sync(bool full = false) { return run_task(sync::sync_connection(context(), target(), full)); }

	/// Runs for at most `turns` turns of the loop, then destroys the engine where it stands. Nothing if that happened.
	std::optional<SyncReport> sync_or_kill(int turns) {
		std::optional<SyncReport> report;
		Reactor reactor;
		PollWaiter waiter;
		Loop loop(reactor, waiter);
		TaskGroup group(loop);
		group.spawn(keep_report(sync::sync_connection(context(), target(), false), &report));
		loop.drive([&] { return group.running() == 0 || turns-- <= 0; });
		group.reap();
		return report;
	}

	/// A sync whose commit is shared with another one, which fails.
	SyncReport sync_beside_a_failure() {
		Reactor reactor;
		PollWaiter waiter;
		Loop loop(reactor, waiter);
		sync::Signal joined;
		sync::UnitBatch batch(store, joined);
		sync::SyncContext shared = context();
		shared.batch = &batch;
		std::optional<SyncReport> report;
		TaskGroup group(loop);
		group.spawn(keep_report(sync::sync_connection(std::move(shared), target(), false), &report));
		loop.drive([&] { return batch.waiting() == 1; });
		group.spawn(fail_in(&batch));
		loop.drive([&] { return batch.waiting() == 2; });
		batch.flush();
		loop.drive([&] { return group.running() == 0; });
		group.reap();
		return report.value();
	}

	/// A day of March 2026, in which the tests play.
	static Date march(int day_of_month) {
		return Date(std::chrono::year(2026) / 3 / std::chrono::day(static_cast<unsigned>(day_of_month)));
	}
	int post(const std::string &id, const std::string &amount, int date, const std::string &description = "SHOP",
	         const std::string &link = {}) {
		return bank.add(
		    {.account = 1, .id = id, .amount = amount, .description = description, .link = link, .date = march(date)});
	}
	int pend(const std::string &id, const std::string &amount, int date, const std::string &description = "SHOP") {
		return bank.add({.account = 1,
		                 .id = id,
		                 .amount = amount,
		                 .description = description,
		                 .link = {},
		                 .date = march(date),
		                 .pending = true});
	}

	StoredConnection &stored() { return store.connection(); }
	StoredTransaction &row(const std::string &id, const std::string &account = "acc") {
		return stored().transactions.at({account, id});
	}
	/// Live rows as text, sorted: status, day of the month, amount, description.
	std::vector<std::string> live() {
		std::vector<std::string> rows;
		for (const auto &[key, row] : stored().transactions)
			if (row.live)
				rows.push_back(std::string(row.pending ? "pending " : "posted ") + time::format_date(row.date) + " " +
				               row.amount + " " + row.description);
		std::sort(rows.begin(), rows.end());
		return rows;
	}
	sync::ReadSpan span(const std::string &account = "acc") {
		const sync::ReadSpans spans(stored().state.cursor);
		const sync::ReadSpan *found = spans.find(account);
		return found ? *found : sync::ReadSpan();
	}

	WindowBank bank;
	FakeStore store;
	FakeClock clock;
	bool keep_raw = false;

private:
	static Task<void> keep_report(Task<SyncReport> task, std::optional<SyncReport> *report) {
		SyncReport result = co_await task;
		report->emplace(result);
	}

	static Task<void> fail_in(sync::UnitBatch *batch) {
		try {
			co_await batch->run([] { throw Error(ErrorCode::internal, "another connection's trouble"); });
		} catch (const Error &) {
		}
	}

	std::shared_ptr<providers::ServerConfig> server = std::make_shared<providers::ServerConfig>();
	providers::CallStats stats;
	Timestamp linked_at_ = clock.now();
};

} // namespace ob::test
