// The provider's word on the connection: beside the accounts in every sync, and by a call of its own now and then.
#include <gtest/gtest.h>

#include <string>

#include "core/time.hpp"
#include "unit/support/sync_bench.hpp"

namespace ob::sync {
namespace {

using namespace std::chrono_literals;
using test::plaid_error;
using test::settle;
using test::SyncBench;
using Stage = test::BankModel::Stage;

const SyncReport &last_finish(SyncBench &bench) {
	return bench.store.connection().finished.back();
}

TEST(SyncHealth, IsStoredWithTheRows) {
	for (const Stage stage : {Stage::not_ready, Stage::initial, Stage::complete}) {
		SyncBench bench;
		bench.bank.stage = stage;
		for (int i = 0; i < 2; ++i) { // step by step, then held
			bench.sync();
			ASSERT_TRUE(last_finish(bench).health);
			EXPECT_EQ(last_finish(bench).health->institution_name, "First Bank");
			const bool asked = i == 0 || stage == Stage::not_ready; // else just now
			EXPECT_EQ(last_finish(bench).health->bank_updated_at,
			          asked ? time::parse_timestamp("2026-03-10T06:00:00Z") : std::nullopt);
			EXPECT_EQ(last_finish(bench).health->consent_expires_at, time::parse_timestamp("2026-09-01T00:00:00Z"));
			EXPECT_FALSE(last_finish(bench).standing_error);
		}
	}
}

TEST(SyncHealth, IsAskedForOnceAnHour) {
	SyncBench bench;
	settle(bench);
	const auto asked = [&](std::chrono::minutes passed, bool full = false) {
		bench.plaid.clock.advance(passed);
		bench.plaid.transport.requests.clear();
		bench.sync(full);
		EXPECT_EQ(last_finish(bench).health->bank_updated_at.has_value(), bench.plaid.transport.count("/item/get") == 1);
		return bench.plaid.transport.count("/item/get");
	};
	EXPECT_EQ(asked(0min), 0u);
	EXPECT_EQ(asked(59min), 0u);
	EXPECT_EQ(asked(1min), 1u);
	EXPECT_EQ(asked(59min), 0u);
	EXPECT_EQ(asked(0min, true), 1u) << "a full sync reads everything";
	EXPECT_EQ(asked(59min), 0u);
	EXPECT_EQ(asked(-120min), 1u) << "a clock that was set back";
}

TEST(SyncHealth, IsAskedForWhereSomethingWasWrong) {
	SyncBench bench;
	settle(bench);
	SyncTarget target = bench.target();
	target.state = "error";
	test::run_task(sync_connection(bench.context(), target, false));
	target.state = "active";
	target.sync.attempts = 1;
	test::run_task(sync_connection(bench.context(), target, false));
	EXPECT_EQ(bench.plaid.transport.count("/item/get"), 2u);
}

TEST(SyncHealth, IsAskedOnceASync) {
	SyncBench bench;
	settle(bench, 2);
	bench.plaid.clock.advance(1h);
	bench.bank.stuck = true; // three loops, then a resync
	bench.sync();
	EXPECT_EQ(bench.plaid.transport.count("/item/get"), 1u);
}

TEST(SyncHealth, TheBanksNameIsAskedForWhereItIsMissing) {
	struct Case {
		bool stored, told;
		std::size_t calls;
	};
	for (const Case &c : {Case{true, true, 0}, Case{true, false, 0}, Case{false, true, 0}, Case{false, false, 1}}) {
		SyncBench bench;
		bench.bank.item_names_bank = c.told;
		SyncTarget target = bench.target();
		target.bank_named = c.stored;
		test::run_task(sync_connection(bench.context(), target, false));
		EXPECT_EQ(bench.plaid.transport.count("/institutions/get_by_id"), c.calls);
		EXPECT_EQ(last_finish(bench).health->institution_name, c.told || c.calls == 1 ? "First Bank" : "");
		EXPECT_EQ(last_finish(bench).institution_logo, c.calls == 1 ? "TE9HTw==" : "");
	}
}

TEST(SyncHealth, ANameThatCannotBeHadIsNoLoss) {
	SyncBench bench;
	bench.bank.item_names_bank = false;
	bench.plaid.transport.answer("/institutions/get_by_id", 400, plaid_error("INVALID_INPUT", "INVALID_INSTITUTION"));
	bench.sync();
	ASSERT_TRUE(last_finish(bench).health);
	EXPECT_TRUE(last_finish(bench).health->bank_updated_at);
}

TEST(SyncHealth, CanBeMissing) {
	SyncBench bench;
	settle(bench);
	bench.plaid.clock.advance(1h);
	bench.bank.add("new", "1");
	bench.plaid.transport.answer("/item/get", 400, plaid_error("RATE_LIMIT_EXCEEDED", "ITEM_GET_LIMIT"));
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::complete);
	EXPECT_EQ(report.transactions.added, 1);
	EXPECT_FALSE(last_finish(bench).health->bank_updated_at);
	EXPECT_FALSE(last_finish(bench).standing_error);
	bench.sync();
	EXPECT_TRUE(last_finish(bench).health->bank_updated_at) << "the next sync asks again";
	bench.plaid.transport.answer("/accounts/get", 200, R"({"accounts":[{"account_id":"acc","balances":{},"type":"other"}]})");
	bench.sync();
	EXPECT_FALSE(last_finish(bench).health) << "nor do the accounts tell it";
}

TEST(SyncHealth, IsNotWaitedForLong) {
	SyncBench bench;
	settle(bench);
	bench.plaid.clock.advance(1h);
	// A limit that the client itself waits out.
	http::Response limited = test::FakeTransport::response(429, plaid_error("RATE_LIMIT_EXCEEDED", "ITEM_GET_LIMIT"));
	limited.headers.emplace_back("retry-after", "20");
	bench.plaid.transport.answer("/item/get", limited);
	SyncContext context = bench.context();
	context.pacing.health_patience = 20ms;
	EXPECT_EQ(test::run_task(sync_connection(std::move(context), bench.target(), false)).status, SyncStatus::complete);
	EXPECT_FALSE(last_finish(bench).health->bank_updated_at);
	EXPECT_EQ(bench.plaid.transport.running, 0);
}

TEST(SyncHealth, HidesNoInterrupt) {
	SyncBench bench;
	settle(bench);
	bench.plaid.clock.advance(1h);
	bench.plaid.transport.handle_with([&](const test::SentRequest &request) {
		if (request.endpoint == "/item/get")
			throw Interrupted();
		return bench.bank.answer(request);
	});
	EXPECT_THROW(bench.sync(), Interrupted);
	EXPECT_EQ(bench.store.commits, 0);
}

TEST(SyncHealth, AStandingErrorComesWithTheRows) {
	struct Case {
		const char *type;
		const char *code;
		const char *reason;
		const char *state;
		const char *reauth;
	};
	for (const Case &c :
	     {Case{"ITEM_ERROR", "ITEM_LOGIN_REQUIRED", "", "reauth_required", "login"},
	      Case{"ITEM_ERROR", "ITEM_LOGIN_REQUIRED", "OAUTH_CONSENT_EXPIRED", "reauth_required", "consent_expired"},
	      Case{"ITEM_ERROR", "USER_PERMISSION_REVOKED", "", "revoked", ""},
	      Case{"ITEM_ERROR", "ITEM_NOT_SUPPORTED", "", "error", ""},
	      Case{"INSTITUTION_ERROR", "INSTITUTION_DOWN", "", "", ""}}) {
		SyncBench bench;
		settle(bench);
		bench.bank.add("new", "1");
		bench.bank.item_error = plaid_error(c.type, c.code, "SECRET TEXT", c.reason);
		EXPECT_EQ(bench.sync().status, SyncStatus::complete);
		EXPECT_EQ(bench.differences(), "");
		EXPECT_EQ(bench.plaid.transport.count("/item/get"), 0u) << "the accounts tell it";
		const auto &standing = last_finish(bench).standing_error;
		ASSERT_EQ(standing.has_value(), c.state[0] != '\0') << c.code;
		if (!standing)
			continue;
		EXPECT_EQ(standing->new_state, c.state);
		EXPECT_EQ(standing->reauth_reason, c.reauth);
		EXPECT_EQ(standing->provider_code, c.code);
		EXPECT_FALSE(standing->message.empty());
		EXPECT_EQ(standing->message.find("SECRET"), std::string::npos);
	}
}

// ---- pauses ----

TEST(SyncPauses, GrowWithTheConnectionsAge) {
	struct Case {
		std::chrono::seconds age;
		std::chrono::seconds not_ready;
		std::chrono::seconds history;
	};
	for (const Case &c : {Case{0s, 5s, 30s}, Case{-1h, 5s, 30s}, Case{12s, 6s, 30s}, Case{2min, 1min, 1min},
	                      Case{20min, 10min, 10min}, Case{10h, 15min, 15min}}) {
		SyncBench bench;
		bench.linked_at = bench.plaid.clock.now() - c.age;
		bench.bank.stage = Stage::not_ready;
		EXPECT_EQ(bench.sync().retry_at, bench.plaid.clock.now() + c.not_ready) << c.age.count();
		bench.bank.stage = Stage::initial;
		EXPECT_EQ(bench.sync().retry_at, bench.plaid.clock.now() + c.history) << c.age.count();
		bench.bank.status_unknown = true;
		EXPECT_EQ(bench.sync().retry_at, bench.plaid.clock.now() + c.history) << c.age.count();
		bench.bank.status_unknown = false;
		bench.bank.stage = Stage::complete;
		EXPECT_FALSE(bench.sync().retry_at);
	}
}

TEST(SyncPauses, EndWithTheInterval) {
	SyncBench bench;
	bench.linked_at -= 1h;
	for (const Stage stage : {Stage::not_ready, Stage::initial}) {
		bench.bank.stage = stage;
		SyncTarget target = bench.target();
		target.sync_interval = 10min;
		EXPECT_FALSE(test::run_task(sync_connection(bench.context(), target, false)).retry_at);
	}
}

TEST(SyncPauses, AHistoryIsNotWaitedForForEver) {
	SyncBench bench;
	bench.bank.stage = Stage::initial;
	test::add_many(bench.bank, 7);
	bench.sync();
	bench.plaid.clock.advance(24h);
	test::add_many(bench.bank, 7, "new");
	const int commits = bench.store.commits;
	EXPECT_FALSE(bench.sync().retry_at);
	EXPECT_EQ(bench.store.commits - commits, 1) << "all or nothing, like any other";
	EXPECT_FALSE(bench.store.connection().state.history_complete);
	bench.bank.stage = Stage::complete;
	bench.sync();
	EXPECT_TRUE(bench.store.connection().state.history_complete);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncPauses, AnOldConnectionsFirstLoopIsABackfillAllTheSame) {
	SyncBench bench;
	bench.linked_at -= 240h;
	test::add_many(bench.bank, 7);
	bench.sync();
	EXPECT_EQ(bench.store.commits, 3) << "a page each";
}

} // namespace
} // namespace ob::sync
