// Syncs with a bank that has no change feed: what a window tells, and what it does not.
#include <gtest/gtest.h>

#include "unit/support/caught.hpp"
#include "unit/support/window_bench.hpp"

namespace ob::sync {
namespace {

using test::caught;
using test::WindowBench;
using Rows = std::vector<std::string>;

const ProviderError kDown(ErrorCode::provider_down, Reaction::institution_down, "DOWN", "the bank is down", {});
const ProviderError kRestart(ErrorCode::bad_reply, Reaction::restart, "CHANGED", "data changed", {});
const ProviderError kNotReady(ErrorCode::bad_reply, Reaction::not_ready, "PENDING", "not ready", {});
const ProviderError kLimit(ErrorCode::rate_limited, Reaction::rate_limited, "LIMIT", "too many requests", {}, {},
                           std::chrono::seconds(0));

// The clock stands at 2026-03-10.

TEST(WindowSync, ReadsTheHistoryThenTheOverlap) {
	WindowBench bench;
	bench.post("a", "-1.00", 1);
	bench.post("b", "-2.00", 9);
	bench.pend("p", "-3.00", 10);
	const SyncReport first = bench.sync();
	EXPECT_EQ(first.status, SyncStatus::complete);
	EXPECT_EQ(first.transactions.added, 3);
	EXPECT_EQ(first.accounts.total, 1);
	EXPECT_EQ(bench.live(),
	          (Rows{"pending 2026-03-10 -3.00 SHOP", "posted 2026-03-01 -1.00 SHOP", "posted 2026-03-09 -2.00 SHOP"}));
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2025-12-10"));
	EXPECT_EQ(bench.bank.reads.at(1).to, test::day("2026-03-10"));
	EXPECT_TRUE(bench.stored().state.initial_sync_done && bench.stored().state.history_complete);
	EXPECT_EQ(bench.span(), (ReadSpan{test::day("2025-12-10"), test::day("2026-03-10"), test::day("2026-03-10")}));

	bench.clock.set("2026-03-20T23:59:59Z");
	bench.post("late", "-4.00", 2);
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2026-02-28")) << "ten days before the end of the last";
	EXPECT_EQ(bench.bank.reads.at(1).to, test::day("2026-03-20"));
	EXPECT_EQ(bench.row("late").amount, "-4.00") << "booked late";
	bench.clock.set("2026-03-21T00:00:00Z");
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(1).to, test::day("2026-03-21")) << "a day begins at midnight";
}

TEST(WindowSync, DaysReadSayHowMuchIsLeft) {
	WindowBench bench;
	bench.bank.holders[2] = {.id = "other", .iban = {}};
	bench.bank.page_size = 10;
	// Newest first, one a day over the whole history, the same in both accounts.
	for (int account = 1; account <= 2; ++account)
		for (int ago = 0; ago <= 90; ++ago)
			bench.bank.add({.account = account,
			                .id = std::to_string(ago),
			                .amount = "1.00",
			                .description = "SHOP",
			                .link = {},
			                .date = WindowBench::march(10) - std::chrono::days(ago)});
	std::vector<std::int64_t> expected;
	SyncContext context = bench.context();
	context.progress = [&](const Progress &progress) {
		if (progress.expected)
			expected.push_back(*progress.expected);
	};
	test::run_task(sync_connection(std::move(context), bench.target(), false));
	EXPECT_EQ(expected, std::vector<std::int64_t>(expected.size(), 182));
	EXPECT_GE(expected.size(), 20u) << "after each page";
}

TEST(WindowSync, HowManyDaysTheServersOptionsSay) {
	WindowBench bench;
	providers::ServerConfig server;
	server.provider = "truelayer";
	const auto days = [&] { return bench.bank.WindowProvider::window_days(server); };
	EXPECT_EQ(days().history, 2190);
	EXPECT_EQ(days().overlap, 10);
	server.options = {{"history_days", "365"}, {"overlap_days", "15"}};
	EXPECT_EQ(days().history, 365);
	EXPECT_EQ(days().overlap, 15);
}

TEST(WindowSync, ContradictorySignsAreRemembered) {
	WindowBench bench;
	const auto is_suspect = [&] { return bench.stored().accounts.at("acc").sign_suspect; };
	bench.sync();
	EXPECT_FALSE(is_suspect());
	bench.bank.holders[1].signs_contradict = true;
	bench.sync();
	EXPECT_TRUE(is_suspect());
	bench.bank.holders[1].signs_contradict = false;
	bench.sync();
	EXPECT_TRUE(is_suspect()) << "the days of this window say nothing of those before";
	bench.sync(true);
	EXPECT_FALSE(is_suspect());
	WindowBench first;
	first.bank.holders[1].signs_contradict = true;
	first.sync();
	EXPECT_TRUE(first.stored().accounts.at("acc").sign_suspect);
}

TEST(WindowSync, ACardUnderANewIdKeepsItsHistory) {
	WindowBench bench;
	bench.bank.holders[1] = {.id = "acc", .iban = {}, .card = "0044"};
	bench.post("a", "-1.00", 1);
	bench.sync();
	const int ref = bench.stored().accounts.at("acc").ref;
	bench.bank.holders[1].id = "new";
	bench.sync();
	EXPECT_EQ(bench.live(), Rows{"posted 2026-03-01 -1.00 SHOP"});
	EXPECT_EQ(bench.stored().accounts.at("new").ref, ref);
}

TEST(WindowSync, WithoutNewsWritesNothing) {
	WindowBench bench;
	bench.post("a", "-1.00", 1);
	bench.post("", "-2.00", 2);
	bench.post("", "-2.00", 2);
	bench.pend("p", "-3.00", 10);
	bench.sync();
	const int writes = bench.store.row_writes;
	bench.store.rows_offered = 0;
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.transactions.unchanged, 4);
	EXPECT_FALSE(report.transactions.any_change());
	EXPECT_EQ(bench.store.row_writes, writes);
	EXPECT_EQ(bench.store.rows_offered, 0) << "they need not even be compared by the table";
	bench.bank.repeats = true;
	bench.bank.page_size = 1;
	EXPECT_EQ(bench.sync().transactions.unchanged, 4) << "however often they come";
	bench.bank.repeats = false;
	bench.keep_raw = true;
	bench.sync();
	EXPECT_EQ(bench.store.rows_offered, 4) << "its raw objects only the table can compare";
	EXPECT_EQ(bench.stored().finished.back().transactions.unchanged, 4);
}

TEST(WindowSync, ChangesAndRemovalsWithinTheWindow) {
	WindowBench bench;
	const int old = bench.post("old", "-9.00", 1);
	const int edited = bench.post("edited", "-1.00", 8);
	const int gone = bench.post("gone", "-2.00", 9);
	bench.sync();
	bench.clock.set("2026-03-15T12:00:00Z");
	bench.sync();
	bench.clock.set("2026-03-16T12:00:00Z"); // the window begins on the 5th
	bench.bank.entries[edited].amount = "-1.50";
	const auto removed = bench.bank.entries.extract(gone);
	bench.bank.entries.erase(old); // before the window: nobody can know
	const SyncReport report = bench.sync();
	EXPECT_EQ(bench.live(), (Rows{"posted 2026-03-01 -9.00 SHOP", "posted 2026-03-08 -1.50 SHOP"}));
	EXPECT_EQ(report.transactions.modified, 1);
	EXPECT_EQ(report.transactions.removed, 1);

	bench.bank.entries[gone] = removed.mapped();
	EXPECT_EQ(bench.sync().transactions.added, 1);
	EXPECT_TRUE(bench.row("gone").live) << "it is back";
	bench.bank.entries.erase(gone);
	bench.bank.entries.erase(edited);
	bench.sync();
	EXPECT_EQ(bench.live(), (Rows{"posted 2026-03-01 -9.00 SHOP"})) << "an empty window is an answer, too";
}

TEST(WindowSync, RowsWhoseDayChanges) {
	WindowBench bench;
	const int into = bench.post("into", "-1.00", 1);
	const int out = bench.post("out", "-2.00", 8);
	const int ahead = bench.post("ahead", "-3.00", 8);
	bench.sync();
	bench.clock.set("2026-03-16T12:00:00Z");
	bench.sync();
	bench.bank.entries[into].date = bench.march(10);
	bench.bank.entries[out].date = bench.march(2);
	bench.bank.entries[ahead].date = bench.march(20);
	bench.sync();
	EXPECT_EQ(bench.live(), (Rows{"posted 2026-03-10 -1.00 SHOP"}));
	bench.clock.set("2026-03-20T12:00:00Z");
	bench.sync();
	EXPECT_TRUE(bench.row("ahead").live) << "its day has come";
	bench.clock.set("2026-03-18T12:00:00Z");
	bench.sync();
	EXPECT_TRUE(bench.row("ahead").live) << "a clock that is set back takes nothing away";
	bench.clock.set("2026-03-20T12:00:00Z");
	EXPECT_FALSE(bench.row("out").live);
	bench.sync(true);
	EXPECT_TRUE(bench.row("out").live) << "reading everything finds it again";
}

TEST(WindowSync, AnErrorHalfWayRemovesNothing) {
	WindowBench bench;
	for (int i = 1; i <= 9; ++i)
		bench.post("t" + std::to_string(i), "-1.00", i);
	bench.pend("p", "-5.00", 9);
	bench.sync();
	const Rows before = bench.live();
	const std::string cursor = bench.stored().state.cursor;
	bench.bank.entries.erase(2);
	bench.bank.entries.erase(10); // the pending one
	bench.post("new", "-7.00", 10);
	for (int page = 0; page < 6; ++page) {
		bench.bank.fault.emplace(page, kDown);
		EXPECT_EQ(caught([&] { bench.sync(); }).code(), ErrorCode::provider_down);
		ASSERT_FALSE(bench.bank.fault.has_value()) << "page " << page;
		EXPECT_EQ(bench.live(), before);
		EXPECT_EQ(bench.stored().state.cursor, cursor);
	}
	EXPECT_EQ(bench.store.failures[1].size(), 6u);
	bench.sync();
	EXPECT_EQ(bench.live().size(), before.size() - 1);
}

TEST(WindowSync, AFirstReadingGoesOnWithTheNextAccount) {
	WindowBench bench;
	bench.bank.holders[2] = {.id = "second", .iban = {}};
	bench.post("a", "-1.00", 1);
	bench.bank.add({.account = 2, .id = "b", .amount = "-2.00", .description = {}, .link = {}, .date = bench.march(1)});
	bench.bank.fault.emplace(7, kDown); // accounts, the first one's pending set and window, an empty page each
	EXPECT_EQ(caught([&] { bench.sync(); }).code(), ErrorCode::provider_down);
	EXPECT_EQ(bench.live(), (Rows{"posted 2026-03-01 -1.00 SHOP"}));
	EXPECT_FALSE(bench.stored().state.initial_sync_done);
	EXPECT_EQ(bench.stored().accounts.size(), 2u);
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2026-02-28")) << "this one is read";
	EXPECT_EQ(bench.bank.reads.at(2).from, test::day("2025-12-10"));
	EXPECT_EQ(bench.live().size(), 2u);
	EXPECT_TRUE(bench.stored().state.initial_sync_done);
}

TEST(WindowSync, ASharedCommitMayRunTwice) {
	WindowBench bench;
	bench.bank.pending_apart = false;
	for (int i = 1; i <= 4; ++i)
		bench.post("", "-1.00", 9);
	const int pending = bench.pend("p", "-2.00", 9, "TESCO");
	bench.sync();
	bench.row("p").annotations = "mine";
	bench.bank.entries.erase(pending);
	bench.post("q", "-2.00", 10, "TESCO");
	bench.post("", "-1.00", 9);
	const SyncReport report = bench.sync_beside_a_failure();
	EXPECT_EQ(bench.store.rollbacks, 2) << "the shared one, and the other's own";
	EXPECT_EQ(report.transactions.added, 2);
	EXPECT_EQ(report.transactions.removed, 1);
	EXPECT_EQ(report.transactions.unchanged, 4);
	EXPECT_EQ(bench.live().size(), 6u);
	EXPECT_EQ(bench.row("q").annotations, "mine");
	EXPECT_EQ(bench.sync().transactions.unchanged, 6);
}

TEST(WindowSync, DataThatChangeAndLimits) {
	WindowBench bench;
	for (int i = 1; i <= 9; ++i)
		bench.post("t" + std::to_string(i), "-1.00", i);
	bench.bank.fault.emplace(4, kRestart);
	bench.sync();
	EXPECT_EQ(bench.live().size(), 9u);
	bench.bank.fault.emplace(4, kLimit);
	bench.bank.pages = 0;
	EXPECT_EQ(bench.sync().status, SyncStatus::complete) << "it waits for the same page";
	EXPECT_EQ(bench.bank.pages, 1 + 2 + 4 + 1);
	bench.bank.fault.emplace(1, kLimit);
	EXPECT_EQ(bench.sync().status, SyncStatus::deferred) << "nothing was read yet";
}

TEST(WindowSync, NoDataYetIsNoFailure) {
	WindowBench bench;
	bench.bank.fault.emplace(1, kNotReady);
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::waiting);
	EXPECT_TRUE(report.retry_at.has_value());
	EXPECT_EQ(bench.stored().accounts.size(), 1u) << "its accounts are true already";
	EXPECT_EQ(bench.stored().state.cursor, "");
	bench.bank.fault.emplace(0, kNotReady);
	EXPECT_EQ(bench.sync().status, SyncStatus::waiting);
	EXPECT_TRUE(bench.store.failures.empty());
}

// ---- what cannot be told ----

TEST(WindowSync, RowsThatCannotBeStoredAreNotGone) {
	WindowBench bench;
	const int broken = bench.post("t", "-1.00", 8, "T");
	const int gone = bench.post("gone", "-2.00", 9);
	bench.sync();
	bench.bank.entries[broken].broken = true;
	bench.bank.entries.erase(gone);
	EXPECT_EQ(bench.sync().transactions.quarantined, 1);
	EXPECT_TRUE(bench.row("t").live);
	EXPECT_FALSE(bench.row("gone").live) << "which this one was, is known";

	bench.bank.entries[broken].broken = false;
	bench.sync();
	EXPECT_TRUE(bench.stored().quarantine.empty()) << "it came well again";

	bench.bank.entries[broken].broken = true;
	bench.bank.entries[broken].id.clear();
	const int other = bench.post("other", "-3.00", 10);
	bench.sync();
	bench.bank.entries.erase(other);
	bench.sync();
	EXPECT_TRUE(bench.row("t").live);
	EXPECT_TRUE(bench.row("other").live) << "the broken row may be this one";
	bench.bank.entries.erase(broken);
	bench.sync();
	EXPECT_EQ(bench.live(), Rows());
	EXPECT_FALSE(bench.stored().quarantine.empty()) << "it may be older than the window";
	bench.sync(true);
	EXPECT_TRUE(bench.stored().quarantine.empty());
}

TEST(WindowSync, WhatTheBankKeepsBackStaysInQuarantine) {
	WindowBench bench;
	bench.bank.pending_apart = true;
	bench.bank.entries[bench.post("early", "-1.00", 1, "EARLY")].broken = true;
	bench.bank.entries[bench.pend("pending", "-2.00", 9, "PENDING")].broken = true;
	bench.sync();
	ASSERT_EQ(bench.stored().quarantine.size(), 2u);
	bench.clock.set("2026-03-20T12:00:00Z");
	bench.bank.shows_days = 5;
	bench.bank.tells_shown = true;
	bench.sync(true);
	EXPECT_EQ(bench.stored().quarantine.count("EARLY"), 1u) << "its day was not shown";
	bench.bank.shows_days.reset();
	bench.bank.entries.clear();
	bench.bank.pending_known = false;
	bench.sync(true);
	EXPECT_EQ(bench.stored().quarantine.size(), 2u) << "the pending one may be there still";
	bench.bank.pending_known = true;
	bench.sync(true);
	EXPECT_TRUE(bench.stored().quarantine.empty());
}

TEST(WindowSync, ABankThatShowsFewerDays) {
	WindowBench bench;
	bench.post("old", "-1.00", 1);
	bench.post("middle", "-2.00", 4);
	const int young = bench.post("young", "-3.00", 9);
	bench.sync();
	bench.clock.set("2026-03-20T12:00:00Z");
	bench.bank.shows_days = 14;
	bench.sync(true);
	EXPECT_EQ(bench.live().size(), 3u) << "nothing says that the oldest are gone";
	bench.bank.entries.erase(young);
	bench.sync(true);
	EXPECT_TRUE(bench.row("young").live) << "nor this one, now that nothing older came";
	bench.post("older", "-3.00", 8);
	bench.sync(true);
	EXPECT_FALSE(bench.row("young").live) << "days before it were shown";
	bench.bank.tells_shown = true;
	bench.clock.set("2026-04-20T12:00:00Z");
	bench.bank.entries.clear();
	bench.sync();
	EXPECT_EQ(bench.live().size(), 3u) << "after a long time it shows nothing of those days";
}

// ---- accounts ----

TEST(WindowSync, AnAccountThatIsCalledOtherwiseKeepsItsHistory) {
	WindowBench bench;
	bench.post("a", "-1.00", 1);
	bench.post("b", "-2.00", 9);
	bench.sync();
	const int ref = bench.stored().accounts.at("acc").ref;
	bench.row("a").annotations = "mine";
	bench.clock.set("2026-03-16T12:00:00Z");
	bench.bank.holders[1].id = "renamed";
	bench.bank.fault.emplace(1, kDown);
	EXPECT_EQ(caught([&] { bench.sync(); }).code(), ErrorCode::provider_down);
	EXPECT_EQ(bench.stored().accounts.size(), 1u) << "it was moved all the same, and wholly";
	EXPECT_EQ(bench.row("a", "renamed").annotations, "mine");

	const SyncReport report = bench.sync();
	EXPECT_EQ(report.accounts.changed, 0);
	EXPECT_EQ(bench.stored().accounts.at("renamed").ref, ref);
	EXPECT_EQ(bench.stored().accounts.at("renamed").numbers.size(), 1u);
	EXPECT_EQ(report.transactions.added + report.transactions.removed, 0);
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2026-02-28")) << "its history need not be read again";
	EXPECT_EQ(bench.live().size(), 2u);

	bench.bank.holders[1].id = "acc";
	EXPECT_EQ(bench.sync().accounts.changed, 1);
	EXPECT_EQ(bench.stored().accounts.at("acc").ref, ref) << "and back";
}

TEST(WindowSync, WithoutANumberItIsAnotherAccount) {
	WindowBench bench;
	bench.bank.holders[1].iban = "DE02 **** **** 2051";
	bench.post("a", "-1.00", 1);
	bench.sync();
	bench.bank.holders[1].id = "renamed";
	bench.sync();
	EXPECT_FALSE(bench.stored().accounts.at("acc").live);
	EXPECT_NE(bench.stored().accounts.at("renamed").ref, bench.stored().accounts.at("acc").ref);
	EXPECT_TRUE(bench.row("a").live && bench.row("a", "renamed").live);
}

TEST(WindowSync, AnAccountThatComesLaterIsReadFromTheBeginning) {
	WindowBench bench;
	bench.post("a", "-1.00", 1);
	bench.sync();
	bench.clock.set("2026-03-20T12:00:00Z");
	bench.bank.holders[2] = {.id = "second", .iban = {}};
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2026-02-28"));
	EXPECT_EQ(bench.bank.reads.at(2).from, test::day("2025-12-20"));
	bench.bank.holders[1].listed = false;
	bench.sync();
	EXPECT_FALSE(bench.stored().accounts.at("acc").live);
	EXPECT_TRUE(bench.row("a").live) << "what it has seen stays";
	EXPECT_NE(bench.span(), ReadSpan());
}

TEST(WindowSync, WhatAListDoesNotTellOfStays) {
	for (const AccountKinds told : {AccountKinds::cards, AccountKinds::all_but_cards}) {
		WindowBench bench;
		bench.bank.holders[2] = {.id = "card", .iban = {}, .card = "0044"};
		bench.bank.holders[3] = {.id = "closed", .iban = {}};
		bench.bank.holders[4] = {.id = "closed card", .iban = {}, .card = "0055"};
		bench.post("a", "-1.00", 1);
		bench.sync();
		bench.bank.told = told;
		bench.bank.holders[3].listed = bench.bank.holders[4].listed = false;
		bench.sync();
		const auto &accounts = bench.stored().accounts;
		const bool cards = told == AccountKinds::cards;
		EXPECT_TRUE(accounts.at("acc").live && accounts.at("card").live);
		EXPECT_EQ(accounts.at("closed").live, cards) << "where it would be named, it is gone";
		EXPECT_EQ(accounts.at("closed card").live, !cards);
		EXPECT_TRUE(bench.row("a").live);
		bench.bank.told = AccountKinds::all;
		bench.sync();
		EXPECT_FALSE(accounts.at("closed").live || accounts.at("closed card").live);
	}
}

TEST(WindowSync, ACursorThatIsNoneOfOursIsNone) {
	WindowBench bench;
	bench.post("a", "-1.00", 1);
	bench.sync();
	bench.post("b", "-1.00", 2);
	bench.stored().state.cursor = "something else";
	bench.sync();
	EXPECT_EQ(bench.live().size(), 2u);
	EXPECT_EQ(bench.bank.reads.at(1).from, test::day("2025-12-10"));
}

} // namespace
} // namespace ob::sync
