// Accounts that are paused: what is stored of them stays, and once they are resumed nothing is missing.
#include <gtest/gtest.h>

#include <string>

#include "unit/support/sync_bench.hpp"
#include "unit/support/window_bench.hpp"

namespace ob::sync {
namespace {

using test::plaid_error;
using test::settle;
using test::SyncBench;
using test::WindowBench;
using Stage = test::BankModel::Stage;

/// Two accounts, settled: t0 to t2 in acc, o0 to o2 in other, which is then paused.
void settle_two(SyncBench &bench) {
	bench.bank.add_account("other");
	for (const char *id : {"o0", "o1", "o2"})
		bench.bank.add(id, "5", "other");
	settle(bench, 3);
	bench.store.connection().accounts.at("other").paused = true;
}

/// As ob.resume_account does it.
void resume(SyncBench &bench) {
	bench.store.connection().accounts.at("other").paused = false;
	bench.store.connection().state.cursor.clear();
}

/// One change of each kind in both accounts.
void change_all(SyncBench &bench) {
	bench.bank.add("tnew", "1");
	bench.bank.add("onew", "1", "other");
	bench.bank.modify("t0", "99");
	bench.bank.modify("o0", "99");
	bench.bank.remove("t1");
	bench.bank.remove("o1");
	bench.bank.add("obroken", "1", "other");
	bench.bank.spoil("obroken");
}

const test::StoredTransaction &row(SyncBench &bench, const char *account, const char *id) {
	return bench.store.connection().transactions.at({account, id});
}

void expect_untouched(SyncBench &bench) {
	EXPECT_EQ(row(bench, "other", "o0").amount, "-5");
	EXPECT_TRUE(row(bench, "other", "o1").live);
	EXPECT_FALSE(bench.store.connection().transactions.contains({"other", "onew"}));
	EXPECT_TRUE(bench.store.connection().quarantine.empty());
	EXPECT_EQ(row(bench, "acc", "t0").amount, "-99");
	EXPECT_FALSE(row(bench, "acc", "t1").live);
	EXPECT_TRUE(row(bench, "acc", "tnew").live);
}

TEST(PausedAccounts, ChangesArePassedOverAndReadOnceResumed) {
	for (const bool full : {false, true}) {
		SyncBench bench;
		settle_two(bench);
		change_all(bench);
		bench.bank.add_account("other", "77.00");
		bench.sync(full);
		expect_untouched(bench);
		EXPECT_EQ(bench.store.connection().accounts.at("other").balance, "77.00") << "the account itself is read";
		bench.sync(full);
		expect_untouched(bench);
		resume(bench);
		bench.sync();
		EXPECT_EQ(bench.differences(), "");
		EXPECT_EQ(bench.store.connection().quarantine.size(), 1u);
	}
}

TEST(PausedAccounts, ASweepThatIsOwedComesLater) {
	SyncBench bench;
	settle_two(bench);
	change_all(bench);
	bench.sync();
	resume(bench);
	bench.bank.stage = Stage::initial;
	bench.sync();
	EXPECT_TRUE(row(bench, "other", "o1").live) << "nobody knows yet";
	bench.bank.stage = Stage::complete;
	bench.sync();
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
}

TEST(PausedAccounts, AreNoGhostsOfAnAbandonedLoop) {
	SyncBench bench;
	bench.bank.add_account("other");
	for (int i = 0; i < 9; ++i)
		bench.bank.add("x" + std::to_string(i), "5", i % 2 == 0 ? "acc" : "other");
	bench.bank.add("obroken", "1", "other");
	bench.bank.spoil("obroken");
	bench.bank.fault = {4, plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED")};
	EXPECT_THROW(bench.sync(), ProviderError);
	ASSERT_TRUE(row(bench, "other", "x1").live);
	bench.store.connection().accounts.at("other").paused = true;
	bench.sync();
	EXPECT_TRUE(row(bench, "other", "x1").live);
	resume(bench);
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
}

TEST(PausedAccounts, AreKeptInQuarantine) {
	SyncBench bench;
	settle_two(bench);
	bench.store.connection().accounts.at("other").paused = false;
	bench.bank.add("obroken", "1", "other");
	bench.bank.spoil("obroken");
	bench.sync();
	ASSERT_EQ(bench.store.connection().quarantine.size(), 1u);
	bench.store.connection().accounts.at("other").paused = true;
	bench.sync(true);
	EXPECT_EQ(bench.store.connection().quarantine.size(), 1u);
}

TEST(PausedAccounts, WindowsGoOnWhereTheyEnded) {
	WindowBench bench;
	bench.bank.holders[2] = {.id = "other", .iban = "DE75 5121 0800 1245 1261 99"};
	const auto post = [&](const char *id, int date) {
		return bench.bank.add({.account = 2,
		                       .id = id,
		                       .amount = "1.00",
		                       .description = "SHOP",
		                       .link = {},
		                       .date = WindowBench::march(date)});
	};
	post("old", 1); // as long as it shows, the bank shows all days since
	const int gone = post("gone", 8);
	bench.sync();
	ASSERT_TRUE(bench.row("gone", "other").live);

	bench.stored().accounts.at("other").paused = true;
	bench.bank.entries.erase(gone);
	post("late", 9);
	bench.post("mine", "-1.00", 9);
	for (const bool full : {false, true}) {
		bench.clock.set("2026-03-20T00:00:00Z");
		bench.sync(full);
		EXPECT_FALSE(bench.bank.reads.contains(2)) << "it is not read";
		EXPECT_TRUE(bench.row("mine").live);
		EXPECT_TRUE(bench.row("gone", "other").live);
	}
	// Its id changes meanwhile: it is paused under the new one.
	bench.bank.holders[2].id = "renamed";
	bench.sync();
	EXPECT_FALSE(bench.bank.reads.contains(2));
	EXPECT_TRUE(bench.row("gone", "renamed").live);

	bench.clock.set("2026-04-20T00:00:00Z");
	bench.stored().accounts.at("renamed").paused = false;
	bench.sync();
	EXPECT_EQ(bench.bank.reads.at(2).from, test::day("2026-02-28"));
	EXPECT_FALSE(bench.row("gone", "renamed").live);
	EXPECT_TRUE(bench.row("late", "renamed").live);
}

} // namespace
} // namespace ob::sync
