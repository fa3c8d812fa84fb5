// Syncs that end otherwise: recorded, deferred, passed through.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/support/sync_bench.hpp"

namespace ob::sync {
namespace {

using namespace std::chrono_literals;
using test::add_many;
using test::BankModel;
using test::caught;
using test::ids;
using test::plaid_error;
using test::settle;
using test::SyncBench;
using Stage = BankModel::Stage;

TEST(SyncEngine, RecordsWhatItThrows) {
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
	      Case{"ITEM_ERROR", "ITEM_NOT_FOUND", "", "revoked", ""},
	      Case{"INVALID_INPUT", "INVALID_ACCESS_TOKEN", "", "error", ""},
	      Case{"INVALID_INPUT", "INVALID_API_KEYS", "", "", ""},
	      Case{"INSTITUTION_ERROR", "INSTITUTION_DOWN", "", "", ""}}) {
		SyncBench bench;
		settle(bench);
		const auto before = bench.store.connection().state.cursor;
		bench.bank.fault = {0, plaid_error(c.type, c.code, "SECRET TEXT", c.reason)};
		EXPECT_THROW(bench.sync(), ProviderError);
		ASSERT_EQ(bench.store.failures[1].size(), 1u);
		EXPECT_EQ(bench.failure().new_state, c.state) << c.code;
		EXPECT_EQ(bench.failure().reauth_reason, c.reauth) << c.code;
		EXPECT_EQ(bench.failure().provider_code, c.code);
		EXPECT_EQ(bench.failure().message.find("SECRET"), std::string::npos);
		EXPECT_EQ(bench.store.connection().state.cursor, before);
		EXPECT_EQ(bench.store.connection().finished.size(), 1u);
	}
}

TEST(SyncEngine, AnAnswerNotUnderstoodAdvancesNothing) {
	SyncBench bench;
	settle(bench);
	const auto before = bench.store.connection().state.cursor;
	for (const char *body : {"{\"accounts\":{}}", "{\"accounts\":[{}]}", "{}"}) {
		bench.plaid.transport.answer("/accounts/get", body);
		EXPECT_EQ(caught([&] { bench.sync(); }).code(), ErrorCode::bad_reply);
	}
	EXPECT_EQ(bench.store.commits, 0);
	EXPECT_EQ(bench.store.connection().state.cursor, before);
	EXPECT_EQ(bench.failure().provider_code, "OB003");
}

TEST(SyncEngine, ALimitDefers) {
	SyncBench bench;
	settle(bench);
	bench.plaid.transport.answer("/transactions/sync", 429,
	                             plaid_error("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT"));
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::deferred);
	EXPECT_EQ(report.retry_at, bench.plaid.clock.now() + 60s);
	EXPECT_TRUE(bench.store.failures.empty());
	EXPECT_EQ(bench.store.connection().finished.back().status, SyncStatus::deferred);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, ALimitInTheMiddleIsWaitedFor) {
	for (const bool first_backfill : {true, false}) {
		SyncBench bench;
		if (!first_backfill)
			settle(bench);
		add_many(bench.bank, 10, "new");
		http::Response limited =
		    test::FakeTransport::response(429, plaid_error("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT"));
		limited.headers.emplace_back("retry-after", "0");
		int calls = 0;
		bench.plaid.transport.handle_with([&](const test::SentRequest &request) {
			// More often than the client itself asks again.
			if (request.endpoint == "/transactions/sync" && ++calls >= 3 && calls <= 6)
				return limited;
			return bench.bank.answer(request);
		});
		EXPECT_EQ(bench.sync().status, SyncStatus::complete);
		EXPECT_EQ(bench.bank.mutations_told, 0);
		EXPECT_EQ(bench.differences(), "");
	}
}

TEST(SyncEngine, TooLongALimitInTheMiddleDefers) {
	SyncBench bench;
	add_many(bench.bank, 10);
	http::Response limited =
	    test::FakeTransport::response(429, plaid_error("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT"));
	limited.headers.emplace_back("retry-after", "600");
	int calls = 0;
	bench.plaid.transport.handle_with([&](const test::SentRequest &request) {
		return request.endpoint == "/transactions/sync" && ++calls == 2 ? limited : bench.bank.answer(request);
	});
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::deferred);
	EXPECT_EQ(report.retry_at, bench.plaid.clock.now() + 600s);
	EXPECT_EQ(report.transactions.added, 3) << "the first page is there";
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, ForeignExceptionsPassUntouched) {
	SyncBench bench;
	settle(bench);
	bench.plaid.transport.handle_with([](const test::SentRequest &) -> http::Response { throw Interrupted(); });
	EXPECT_THROW(bench.sync(), Interrupted);
	bench.plaid.transport.handle_with([](const test::SentRequest &) -> http::Response { throw std::bad_alloc(); });
	EXPECT_THROW(bench.sync(), std::bad_alloc);
	EXPECT_TRUE(bench.store.failures.empty());
	EXPECT_EQ(bench.store.commits, 0);
}

TEST(SyncEngine, AFailingCommitLeavesTheOldState) {
	SyncBench bench;
	settle(bench);
	bench.bank.add("new", "1");
	bench.store.before_commit = [] { throw Error(ErrorCode::internal, "disk full"); };
	EXPECT_EQ(caught([&] { bench.sync(); }).message(), "disk full");
	EXPECT_EQ(bench.store.connection().live_ids().size(), 7u);
	bench.store.before_commit = nullptr;
	bench.sync();
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncEngine, AnotherSyncInBetweenIsNoticed) {
	SyncBench bench;
	settle(bench);
	bench.bank.add("new", "1");
	SyncTarget stale = bench.target();
	stale.sync.cursor = "b1+/=";
	EXPECT_EQ(caught([&] { test::run_task(sync_connection(bench.context(), stale, false)); }).code(),
	          ErrorCode::internal);
	EXPECT_EQ(bench.store.commits, 0);
}

} // namespace
} // namespace ob::sync
