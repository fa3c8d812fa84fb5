// Plaid's limits, and what a call, a scan and a sync do when our own budget is used up.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "providers/limits.hpp"
#include "providers/plaid/limits.hpp"
#include "unit/support/caught.hpp"
#include "unit/support/fake_budget.hpp"
#include "unit/support/sync_bench.hpp"

namespace ob::providers {
namespace {

using namespace std::chrono_literals;
using test::caught;
using test::FakeBudget;
using test::plaid_error;
using test::PlaidSession;
using test::run_task;
using test::SyncBench;

constexpr auto kAccounts = R"({"accounts":[],"request_id":"r"})";

struct BudgetBench : PlaidSession {
	BudgetBench() { server->budget = budget; }
	Session session() {
		Session session = PlaidSession::session();
		session.connection = 7;
		return session;
	}
	void read_accounts() { run_task(provider.accounts(session(), credentials(), {})); }
	Shortage shortage(std::chrono::seconds wait) { return {clock.now() + wait, {15, 60s}, true}; }

	std::shared_ptr<FakeBudget> budget = std::make_shared<FakeBudget>();
};

TEST(PlaidBudget, EachCallIsCountedBeforeItGoesOut) {
	BudgetBench bench;
	bench.transport.answer("/accounts/get", kAccounts);
	bench.read_accounts();
	EXPECT_EQ(bench.budget->asked, std::vector<std::string>{"accounts of 7"});
}

TEST(PlaidBudget, SoIsEachRepetition) {
	BudgetBench bench;
	bench.transport.answer("/accounts/get", 500, plaid_error("API_ERROR", "INTERNAL_SERVER_ERROR"));
	bench.transport.answer("/accounts/get", kAccounts);
	bench.read_accounts();
	EXPECT_EQ(bench.budget->asked.size(), 2u);
}

TEST(PlaidBudget, WhatIsNotLimitedIsNotCounted) {
	BudgetBench bench;
	bench.transport.answer("/link/token/create", R"({"link_token":"l","expiration":"2026-03-10T13:00:00Z"})");
	bench.option("client_name", "App");
	LinkRequest request;
	request.user_ref = "ann";
	request.mode = "embedded";
	request.options_json = "{}";
	run_task(bench.provider.start_link(bench.session(), request));
	EXPECT_TRUE(bench.budget->asked.empty());
}

TEST(PlaidBudget, AShortageIsALimitOfOurOwn) {
	BudgetBench bench;
	bench.budget->shortages["accounts"].emplace_back(bench.shortage(45s));
	try {
		bench.read_accounts();
		FAIL() << "nothing was thrown";
	} catch (const ProviderError &error) {
		EXPECT_EQ(error.code(), ErrorCode::rate_limited);
		EXPECT_EQ(error.reaction(), Reaction::rate_limited);
		EXPECT_EQ(error.retry_after(), 45s);
		EXPECT_EQ(error.message(), "the budget of calls to plaid is used up");
		EXPECT_EQ(error.detail(), "provider plaid, endpoint /accounts/get, budget accounts of connection 7: 15 calls in 60 s, "
		                          "no call was made");
		EXPECT_NE(error.hint().find("2026-03-10T12:00:45Z"), std::string::npos);
	}
	EXPECT_TRUE(bench.transport.requests.empty());
	EXPECT_EQ(bench.stats.requests, 0);
}

TEST(PlaidBudget, AShortWaitIsWaited) {
	BudgetBench bench;
	bench.budget->shortages["accounts"].emplace_back(bench.shortage(1s));
	bench.transport.answer("/accounts/get", kAccounts);
	const auto begun = std::chrono::steady_clock::now();
	bench.read_accounts();
	EXPECT_GE(std::chrono::steady_clock::now() - begun, 1s);
	EXPECT_EQ(bench.transport.requests.size(), 1u);
}

TEST(PlaidBudget, ASyncIsDeferred) {
	SyncBench bench;
	test::settle(bench);
	const auto budget = std::make_shared<FakeBudget>();
	bench.plaid.server->budget = budget;
	budget->shortages["transactions_sync"].emplace_back(
	    Shortage{bench.plaid.clock.now() + 50s, {2500, 60s}, false});
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::deferred);
	EXPECT_EQ(report.retry_at, bench.plaid.clock.now() + 50s);
	EXPECT_TRUE(bench.store.failures.empty());
	EXPECT_EQ(bench.differences(), "");
}

TEST(PlaidBudget, InTheMiddleOfALoopItIsWaitedFor) {
	SyncBench bench;
	test::add_many(bench.bank, 10);
	const auto budget = std::make_shared<FakeBudget>();
	bench.plaid.server->budget = budget;
	budget->shortages["transactions_sync"] = {std::nullopt,
	                                          Shortage{bench.plaid.clock.now() + 1s, {50, 60s}, true}};
	EXPECT_EQ(bench.sync().status, SyncStatus::complete);
	EXPECT_EQ(bench.differences(), "");
}

TEST(PlaidBudget, ASyncDoesNotFailForWantOfTheHealthCheck) {
	SyncBench bench;
	test::settle(bench);
	bench.plaid.clock.advance(1h);
	const auto budget = std::make_shared<FakeBudget>();
	bench.plaid.server->budget = budget;
	budget->shortages["item"].emplace_back(Shortage{bench.plaid.clock.now() + 50s, {15, 60s}, true});
	const SyncReport report = bench.sync();
	EXPECT_EQ(report.status, SyncStatus::complete);
	EXPECT_FALSE(report.health_read_at);
}

// ---- the option ----

ServerLimits limits(std::string_view option, std::string_view environment = "production") {
	return read_limits(plaid::call_classes(), environment, option);
}

std::int64_t of(const std::optional<CallLimit> &limit) {
	return limit ? limit->calls : 0;
}

TEST(Limits, ArePublishedByEnvironment) {
	EXPECT_EQ(of(limits("")["accounts"].per_connection), 15);
	EXPECT_EQ(of(limits("")["accounts"].per_client), 15'000);
	EXPECT_EQ(of(limits("", "sandbox")["accounts"].per_connection), 100);
	EXPECT_EQ(of(limits("")["institutions"].per_connection), 0);
	EXPECT_EQ(limits("")["transactions_sync"].per_connection->period, 60s);
}

TEST(Limits, TheOptionSaysOtherwise) {
	ServerLimits own = limits(" transactions_sync = 70/9000 , accounts=off, item=OFF/off");
	EXPECT_EQ(of(own["transactions_sync"].per_connection), 70);
	EXPECT_EQ(of(own["transactions_sync"].per_client), 9000);
	EXPECT_EQ(of(own["accounts"].per_connection), 0);
	EXPECT_EQ(of(own["accounts"].per_client), 15'000);
	EXPECT_EQ(of(own["item"].per_client), 0);
	EXPECT_EQ(of(own["balance"].per_connection), 5);
	EXPECT_TRUE(limits(" Off ").empty());
}

TEST(Limits, WhatMakesNoSenseIsRefused) {
	for (const char *option : {"50", "accounts", "accounts=", "accounts=-1", "accounts=0", "accounts=1/0", "accounts=1/2/3",
	                           "accounts=1.5", "accounts=99999999999999999999", "=5"})
		EXPECT_EQ(caught([&] { limits(option); }).code(), ErrorCode::invalid_argument) << option;
	EXPECT_EQ(caught([] { limits("acounts=5"); }).hint(), "Perhaps you meant \"accounts\".");
}

TEST(Limits, EveryLimitedEndpointHasItsClass) {
	for (const char *path : {"/transactions/sync", "/transactions/get", "/transactions/refresh", "/accounts/get",
	                         "/accounts/balance/get", "/item/get", "/item/remove", "/institutions/get_by_id",
	                         "/institutions/get", "/sandbox/transactions/create"})
		EXPECT_TRUE(limits("").contains(plaid::class_of(path))) << path;
	EXPECT_EQ(plaid::class_of("/accounts/get/"), "");
}

} // namespace
} // namespace ob::providers
