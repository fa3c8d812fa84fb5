#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/budget.hpp"
#include "sync/due.hpp"
#include "unit/support/bank_model.hpp"
#include "unit/support/fake_gate.hpp"
#include "unit/support/fake_store.hpp"
#include "unit/support/plaid_session.hpp"

namespace ob::sync {
namespace {

using namespace std::chrono_literals;
using test::BankModel;
using test::FakeStore;
using test::plaid_error;
using test::run_task;

class FakeDueStore final : public DueStore {
public:
	std::vector<ConnectionId> claim(std::size_t limit, const std::set<std::string> &later) override {
		if (claims == claim_that_fails)
			throw Error(ErrorCode::internal, "no claims any more");
		std::vector<ConnectionId> ids;
		for (auto next = due.begin(); ids.size() < limit && next != due.end();) {
			if (later.contains(server_of(*next))) {
				++next;
				continue;
			}
			ids.push_back(*next);
			next = due.erase(next);
			claimed.insert(ids.back());
		}
		most_claimed = std::max(most_claimed, claimed.size());
		++claims;
		return ids;
	}
	DueConnection load(ConnectionId id) override {
		if (broken.contains(id))
			throw Error(ErrorCode::unseal_failed, "does not open");
		DueConnection connection;
		connection.target.id = id;
		connection.target.state = "active";
		connection.target.sync = store.connection(id).state;
		connection.target.sync_interval = 4h;
		connection.target.created_at = *time::parse_timestamp("2026-03-10T12:00:00Z");
		connection.server = server_of(id);
		connection.tokens.emplace("access_token", Secret("access-" + std::to_string(id)));
		return connection;
	}
	std::string server_of(ConnectionId id) const { return servers.contains(id) ? servers.at(id) : "plaid"; }
	SyncStore &sync_store() override { return store; }
	void trip(ConnectionId id, BreakerScope scope, BreakerTimes opens_for) override {
		EXPECT_TRUE(claimed.contains(id)) << "after its release";
		breakers[scope].push_back(opens_for(scope, static_cast<std::int64_t>(breakers[scope].size()) + 1));
	}
	void close_breakers(ConnectionId id, bool bank_too) override {
		EXPECT_TRUE(claimed.contains(id)) << "after its release";
		breakers.erase(BreakerScope::server);
		if (bank_too)
			breakers.erase(BreakerScope::institution);
	}
	void release(ConnectionId id) override {
		ASSERT_EQ(claimed.erase(id), 1u) << "released without a claim";
		const bool settled = !store.connection(id).finished.empty() || !store.failures[id].empty();
		if (!settled)
			unsettled.push_back(id);
		released.push_back(id);
		if (stuck.contains(id))
			throw Error(ErrorCode::internal, "the lease cannot be ended");
	}

	FakeStore store;
	std::deque<ConnectionId> due;
	std::set<ConnectionId> claimed;
	std::set<ConnectionId> broken;
	std::set<ConnectionId> stuck;
	int claim_that_fails = -1;
	std::map<ConnectionId, std::string> servers;
	std::vector<ConnectionId> released;
	std::vector<ConnectionId> unsettled; // released before anything was committed
	std::size_t most_claimed = 0;
	int claims = 0;
	std::map<BreakerScope, std::vector<std::chrono::seconds>> breakers; // openings in a row
};

class DueBench final : public SessionSource {
public:
	explicit DueBench(int count) {
		for (int id = 1; id <= count; ++id) {
			due.due.push_back(id);
			BankModel &bank = banks["access-" + std::to_string(id)];
			bank.add_account("acc");
			for (int i = 0; i < 4; ++i)
				bank.add("t" + std::to_string(i), "1.00");
		}
		plaid.transport.handle_with([this](const test::SentRequest &request) {
			const std::string token(json::Document::parse(request.body).text("access_token"));
			calls[token]++;
			if (stalled.contains(token))
				return test::FakeTransport::response(400, plaid_error("INSTITUTION_ERROR", "INSTITUTION_DOWN"));
			if (on_call)
				on_call(token);
			return banks.at(token).answer(request);
		});
	}

	providers::Session open(const DueConnection &connection) override {
		if (connection.server == "unknown")
			throw Error(ErrorCode::unreachable, "no mapping");
		providers::Session session = plaid.session();
		auto config = std::make_shared<providers::ServerConfig>(*session.server);
		if (const auto pool = pools.find(connection.target.id); pool != pools.end())
			config->pool = pool->second;
		std::shared_ptr<test::FakeGate> &gate = gates[config->pool];
		if (!gate)
			gate = std::make_shared<test::FakeGate>();
		config->gate = gate;
		if (const auto budget = budgets.find(connection.server); budget != budgets.end())
			config->budget = budget->second;
		session.server = config;
		return session;
	}

	DueContext context() {
		DueContext context;
		context.store = &due;
		context.sessions = this;
		context.clock = &plaid.clock;
		context.random = random;
		context.pacing.restart_pause = 0ms;
		return context;
	}
	DueCounts run(DueLimits limits = {}) { return run_task(sync_due(context(), limits)); }
	/// All of them once more.
	void make_due() {
		for (const auto &[id, connection] : due.store.connections)
			due.due.push_back(id);
		due.store.commits = 0;
		due.released.clear();
	}
	std::string differences() {
		std::string out;
		for (auto &[token, bank] : banks)
			out += bank.differences(due.store.connection(std::stoi(token.substr(7))));
		return out;
	}

	test::PlaidSession plaid;
	FakeDueStore due;
	std::map<std::string, BankModel> banks;
	std::map<std::string, int> calls;
	std::map<ConnectionId, std::uint64_t> pools; // of those that have another user mapping
	std::map<std::uint64_t, std::shared_ptr<test::FakeGate>> gates;
	std::map<std::string, std::shared_ptr<Budget>> budgets; // by server
	std::set<std::string> stalled;
	Random random = [](std::uint64_t) { return 0; }; // draws the smallest number
	std::function<void(const std::string &token)> on_call;
};

TEST(SyncDue, SyncsAllThatAreDue) {
	DueBench bench(50);
	const DueCounts counts = bench.run();
	EXPECT_EQ(counts.connections, 50);
	EXPECT_EQ(counts.complete, 50);
	EXPECT_EQ(counts.failed, 0);
	EXPECT_EQ(counts.transactions.added, 200);
	EXPECT_EQ(counts.requests, 200);
	EXPECT_FALSE(counts.out_of_time);
	EXPECT_EQ(bench.differences(), "");
	EXPECT_EQ(bench.due.released.size(), 50u);
	EXPECT_TRUE(bench.due.claimed.empty());
	EXPECT_TRUE(bench.due.unsettled.empty());
}

TEST(SyncDue, RunsSoManyAtATime) {
	DueBench bench(50);
	bench.plaid.transport.turns = 10;
	DueLimits limits;
	limits.parallel = 5;
	bench.run(limits);
	EXPECT_EQ(bench.plaid.transport.most_at_once, 15) << "three calls for each of five";
	EXPECT_LE(bench.due.most_claimed, 10u);
	DueBench wide(50);
	wide.plaid.transport.turns = 10;
	wide.run();
	EXPECT_EQ(wide.plaid.transport.most_at_once, 48);
}

TEST(SyncDue, ResultsWithoutNewsShareCommits) {
	DueBench bench(200);
	bench.run();
	bench.make_due();
	const DueCounts counts = bench.run();
	EXPECT_EQ(counts.complete, 200);
	EXPECT_EQ(bench.due.store.commits, 4) << "3 × 64 and the rest";
	EXPECT_EQ(bench.due.released.size(), 200u);
	EXPECT_TRUE(bench.due.claimed.empty());
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncDue, NewsAreCommittedAlone) {
	DueBench bench(20);
	bench.run();
	bench.make_due();
	for (auto &[token, bank] : bench.banks)
		bank.add("new", "2");
	EXPECT_EQ(bench.run().transactions.added, 20);
	EXPECT_EQ(bench.due.store.commits, 20);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncDue, OneFailureHoldsUpNobody) {
	DueBench bench(30);
	bench.stalled = {"access-1", "access-7"};
	bench.due.broken = {3};
	bench.due.servers[5] = "unknown";
	bench.banks["access-9"].stage = BankModel::Stage::not_ready;
	const DueCounts counts = bench.run();
	EXPECT_EQ(counts.connections, 30);
	EXPECT_EQ(counts.failed, 4);
	EXPECT_EQ(counts.waiting, 1);
	EXPECT_EQ(counts.complete, 25);
	for (const ConnectionId id : {1, 3, 5, 7})
		EXPECT_EQ(bench.due.store.failures[id].size(), 1u) << id;
	EXPECT_EQ(bench.due.store.failures[3][0].code, ErrorCode::unseal_failed);
	EXPECT_EQ(bench.due.store.failures[3][0].new_state, "");
	EXPECT_EQ(bench.due.released.size(), 30u);
	EXPECT_TRUE(bench.due.unsettled.empty());
}

TEST(SyncDue, AFailingSharedCommitFailsOneAlone) {
	DueBench bench(10);
	bench.run();
	bench.make_due();
	bench.due.store.unwritable = {4};
	const DueCounts counts = bench.run();
	EXPECT_EQ(counts.complete, 9);
	EXPECT_EQ(counts.failed, 1);
	EXPECT_EQ(bench.due.store.failures[4].at(0).code, ErrorCode::internal);
}

/// Allows nothing as long as it is told so.
class ShortBudget final : public Budget {
public:
	explicit ShortBudget(std::function<bool()> is_short) : is_short_(std::move(is_short)) {}
	Task<std::optional<Shortage>> take(std::string, std::optional<ConnectionId>) override {
		co_await test::Yield();
		co_return is_short_() ? std::optional(Shortage{clock_.now() + 1s, {10, 60s}, false, false}) : std::nullopt;
	}

private:
	std::function<bool()> is_short_;
	test::FakeClock clock_;
};

TEST(SyncDue, AServerAtItsLimitHoldsUpNoOther) {
	DueBench bench(60);
	for (ConnectionId id = 51; id <= 60; ++id)
		bench.due.servers[id] = "other";
	bench.budgets["plaid"] = std::make_shared<ShortBudget>([&] { return bench.due.released.size() < 10; });
	const DueCounts counts = bench.run();
	EXPECT_EQ(counts.complete, 60);
	EXPECT_EQ(counts.deferred, 0) << "the others were done before these gave up";
	EXPECT_LE(bench.due.most_claimed, 42u) << "16 that wait, 16 behind them, the others";
	for (std::size_t i = 0; i < 10; ++i)
		EXPECT_GT(bench.due.released[i], 50);
	EXPECT_EQ(bench.differences(), "");
}

TEST(SyncDue, RefusedCredentialsAreNotTriedForEveryConnection) {
	DueBench bench(100);
	bench.plaid.transport.handle_with([&](const test::SentRequest &) {
		return test::FakeTransport::response(400, plaid_error("INVALID_INPUT", "INVALID_API_KEYS"));
	});
	const DueCounts counts = bench.run();
	EXPECT_EQ(counts.failed, 100);
	EXPECT_EQ(bench.plaid.transport.requests.size(), 1u);
	EXPECT_EQ(bench.gates.at(77)->kept.size(), 1u);
	for (const ConnectionId id : {1, 100}) {
		EXPECT_EQ(bench.due.store.failures[id].at(0).code, ErrorCode::credentials_refused);
		EXPECT_EQ(bench.due.store.failures[id].at(0).new_state, "");
	}
	EXPECT_EQ(bench.due.released.size(), 100u);
}

TEST(SyncDue, OneMappingsCredentialsSayNothingOfAnothers) {
	DueBench bench(100);
	for (ConnectionId id = 1; id <= 100; id += 2)
		bench.pools[id] = 78;
	bench.plaid.transport.handle_with([&](const test::SentRequest &request) {
		if (request.pool == 78)
			return test::FakeTransport::response(400, plaid_error("INVALID_INPUT", "INVALID_API_KEYS"));
		return bench.banks.at(std::string(json::Document::parse(request.body).text("access_token"))).answer(request);
	});
	const DueCounts counts = bench.run();
	EXPECT_EQ(counts.failed, 50);
	EXPECT_EQ(counts.complete, 50);
}

TEST(SyncDue, BacksOffFurtherEachTime) {
	DueBench bench(1);
	bench.due.servers[1] = "unknown";
	bench.random = [](std::uint64_t upper) { return upper; };
	for (const auto pause : {60s, 120s, 240s, 480s}) {
		bench.run();
		EXPECT_EQ(bench.due.store.failures[1].back().retry_at, bench.plaid.clock.now() + pause);
		bench.make_due();
	}
}

TEST(SyncDue, ALeaseThatCannotBeEndedHoldsUpNobody) {
	DueBench bench(30);
	bench.due.stuck = {3, 17};
	const DueCounts counts = bench.run();
	EXPECT_EQ(counts.complete, 30);
	EXPECT_EQ(bench.due.released.size(), 30u);
}

TEST(SyncDue, WhatIsUnderWayEndsEvenIfNoMoreCanBeClaimed) {
	DueBench bench(50);
	bench.due.claim_that_fails = 1;
	EXPECT_THROW(bench.run(), Error);
	EXPECT_EQ(bench.due.released.size(), 16u);
	EXPECT_TRUE(bench.due.claimed.empty());
	EXPECT_TRUE(bench.due.unsettled.empty());
}

TEST(SyncDue, KeepsItsLimits) {
	DueBench bench(50);
	DueLimits limits;
	limits.max_connections = 21;
	EXPECT_EQ(bench.run(limits).connections, 21);
	EXPECT_EQ(bench.due.due.size(), 29u);
	limits.max_connections = 0;
	EXPECT_EQ(bench.run(limits).connections, 0);
	limits.max_connections.reset();
	limits.max_duration = 0ms;
	const DueCounts counts = bench.run(limits);
	EXPECT_EQ(counts.connections, 0);
	EXPECT_TRUE(counts.out_of_time);
	EXPECT_TRUE(bench.due.claimed.empty());
}

TEST(SyncDue, GivesBackWhatItDidNotBegin) {
	DueBench bench(50);
	DueLimits limits;
	limits.parallel = 10;
	limits.max_duration = 20ms;
	bench.plaid.transport.turns = 20;
	bench.on_call = [&](const std::string &) {
		const auto until = std::chrono::steady_clock::now() + 3ms;
		while (std::chrono::steady_clock::now() < until) {
		}
	};
	const DueCounts counts = bench.run(limits);
	EXPECT_TRUE(counts.out_of_time);
	EXPECT_LT(counts.connections, 50);
	EXPECT_EQ(counts.complete, counts.connections);
	EXPECT_TRUE(bench.due.claimed.empty());
}

TEST(SyncDue, FailuresInARowTripBreakersAndSuccessesCloseThem) {
	DueBench bench(6);
	DueLimits limits;
	limits.parallel = 1;
	bench.stalled = {"access-2", "access-3", "access-4", "access-6"};
	bench.run(limits);
	EXPECT_EQ(bench.due.breakers[BreakerScope::institution], std::vector{0s}) << "the sixth, after the fifth";
	bench.make_due();
	bench.stalled = {"access-1", "access-2", "access-3", "access-4", "access-5", "access-6"};
	bench.run(limits);
	const std::vector<std::chrono::seconds> openings{0s, 0s, 1800s, 3600s, 7200s, 14400s, 21600s};
	EXPECT_EQ(bench.due.breakers[BreakerScope::institution], openings);
	EXPECT_TRUE(bench.due.breakers[BreakerScope::server].empty()) << "the provider answers";
	bench.make_due();
	bench.due.broken = {1, 2, 3, 4, 5, 6};
	bench.run(limits);
	EXPECT_EQ(bench.due.breakers[BreakerScope::institution], openings) << "nobody was asked";
}

TEST(SyncDue, OnlyDataTellThatABankIsThere) {
	DueBench bench(1);
	const std::map<BreakerScope, std::vector<std::chrono::seconds>> open{{BreakerScope::server, {60s}},
	                                                                     {BreakerScope::institution, {1800s}}};
	std::optional<http::Response> answer;
	bench.plaid.transport.handle_with([&](const test::SentRequest &request) {
		return answer ? *answer : bench.banks.at("access-1").answer(request);
	});
	answer = test::FakeTransport::response(429, plaid_error("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_SYNC_LIMIT"));
	bench.due.breakers = open;
	EXPECT_EQ(bench.run().deferred, 1);
	EXPECT_EQ(bench.due.breakers, open) << "a limit says nothing";
	answer = test::FakeTransport::response(400, plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED"));
	bench.make_due();
	EXPECT_EQ(bench.run().failed, 1);
	EXPECT_EQ(bench.due.breakers.size(), 1u) << "the provider has answered";
	EXPECT_EQ(bench.due.breakers.count(BreakerScope::institution), 1u) << "of its own";
	answer.reset();
	bench.make_due();
	EXPECT_EQ(bench.run().complete, 1);
	EXPECT_TRUE(bench.due.breakers.empty());
}

TEST(SyncDue, NothingDueIsNothingDone) {
	DueBench bench(0);
	const DueCounts counts = bench.run();
	EXPECT_EQ(counts.connections, 0);
	EXPECT_FALSE(counts.out_of_time);
	EXPECT_EQ(bench.due.claims, 1);
}

TEST(SyncDue, ForeignExceptionsEndTheRun) {
	DueBench bench(30);
	int calls = 0;
	bench.on_call = [&](const std::string &) {
		if (++calls == 25)
			throw Interrupted();
	};
	EXPECT_THROW(bench.run(), Interrupted);
	EXPECT_EQ(bench.plaid.transport.running, 0) << "no request outlives the run";
	EXPECT_TRUE(bench.due.unsettled.empty());
}

} // namespace
} // namespace ob::sync
