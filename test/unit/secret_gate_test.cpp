// One call finds out whether a secret is good; a refused one is sent no more.
#include "providers/secret_gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "unit/support/fake_gate.hpp"
#include "unit/support/plaid_session.hpp"
#include "unit/support/run_task.hpp"

namespace ob::providers {
namespace {

using namespace std::chrono_literals;
using test::FakeGate;
using test::run_task;

ProviderError refusal() {
	return ProviderError(ErrorCode::credentials_refused, Reaction::configuration, "WRONG_KEYS", "refused",
	                     "endpoint /x", "Check it.");
}

enum class Answer { taken, refused, none };

/// What is sent, and what becomes of it.
struct Bench {
	FakeGate gate;
	int sent = 0;
	int at_once = 0;
	int most_at_once = 0;
	int refused = 0;             // by the gate
	std::vector<Answer> answers; // in the order of sending; afterwards the last one
	std::chrono::milliseconds takes{20};
};

Task<void> one_call(Bench *bench) {
	SecretGate::Pass pass;
	try {
		pass = co_await bench->gate.enter();
	} catch (const ProviderError &error) {
		++bench->refused;
		EXPECT_EQ(error.code(), ErrorCode::credentials_refused);
		EXPECT_EQ(error.provider_code(), "WRONG_KEYS");
		EXPECT_EQ(error.detail(), "endpoint /x, not sent again since");
		EXPECT_TRUE(error.hint().ends_with("after ob.retry_credentials.")) << error.hint();
		co_return;
	}
	const Answer answer = bench->answers[std::min(bench->answers.size() - 1, static_cast<std::size_t>(bench->sent))];
	++bench->sent;
	bench->most_at_once = std::max(bench->most_at_once, ++bench->at_once);
	Sleep pause(bench->takes);
	co_await pause;
	--bench->at_once;
	if (answer == Answer::taken)
		pass.taken();
	else if (answer == Answer::refused)
		co_await pass.refused(refusal());
}

Task<void> calls(Bench *bench, int count) {
	Loop &loop = co_await ThisLoop();
	TaskGroup group(loop);
	for (int i = 0; i < count; ++i)
		group.spawn(one_call(bench));
	co_await group.join();
}

TEST(SecretGate, OneGoesAhead) {
	Bench bench;
	bench.answers = {Answer::taken};
	run_task(calls(&bench, 10));
	EXPECT_EQ(bench.sent, 10);
	EXPECT_EQ(bench.most_at_once, 9) << "the others side by side";
	EXPECT_TRUE(bench.gate.is_taken());
	bench.most_at_once = 0;
	run_task(calls(&bench, 10));
	EXPECT_EQ(bench.most_at_once, 10) << "it is known to be good";
	EXPECT_TRUE(bench.gate.kept.empty());
}

TEST(SecretGate, ARefusedOneIsSentOnce) {
	Bench bench;
	bench.answers = {Answer::refused};
	run_task(calls(&bench, 10));
	run_task(calls(&bench, 10));
	EXPECT_EQ(bench.sent, 1);
	EXPECT_EQ(bench.refused, 19);
	ASSERT_EQ(bench.gate.kept.size(), 1u);
	EXPECT_EQ(bench.gate.kept[0].hint(), SecretGate::lasting(refusal()).hint());
	EXPECT_EQ(bench.gate.kept[0].detail(), "endpoint /x");
	EXPECT_FALSE(bench.gate.is_taken());
}

TEST(SecretGate, WhoComesBackWithoutAnAnswerLetsTheOthersGo) {
	Bench bench;
	bench.answers = {Answer::none, Answer::taken};
	run_task(calls(&bench, 10));
	EXPECT_EQ(bench.sent, 10);
	EXPECT_EQ(bench.most_at_once, 9);
}

Task<void> cancelled_call(Bench *bench) {
	Loop &loop = co_await ThisLoop();
	{
		TaskGroup group(loop);
		group.spawn(one_call(bench));
		Sleep until_sent(1ms);
		co_await until_sent;
	}
	co_await calls(bench, 3);
}

TEST(SecretGate, OneThatIsCancelledHoldsUpNobody) {
	Bench bench;
	bench.answers = {Answer::taken};
	const auto started = std::chrono::steady_clock::now();
	run_task(cancelled_call(&bench));
	EXPECT_LT(std::chrono::steady_clock::now() - started, 3s);
	EXPECT_EQ(bench.sent, 4);
}

Task<void> enter_elsewhere(Bench *bench) {
	SecretGate::Pass pass = co_await bench->gate.enter();
	const auto started = std::chrono::steady_clock::now();
	run_task(calls(bench, 1)); // a loop in the loop: this coroutine cannot go on meanwhile
	EXPECT_LT(std::chrono::steady_clock::now() - started, 3s);
}

TEST(SecretGate, NobodyWaitsForAnotherLoop) {
	Bench bench;
	bench.answers = {Answer::taken};
	run_task(enter_elsewhere(&bench));
	EXPECT_EQ(bench.sent, 1);
}

/// Two that are under way side by side, both refused: whoever raises it first would end the recording.
Task<void> refused_side_by_side(Bench *bench, std::size_t *kept_then) {
	bench->gate.learn_taken();
	Loop &loop = co_await ThisLoop();
	TaskGroup group(loop);
	group.spawn(one_call(bench));
	group.spawn(one_call(bench));
	while (group.running() == 2) {
		Sleep pause(1ms);
		co_await pause;
	}
	*kept_then = bench->gate.kept.size();
}

TEST(SecretGate, NobodyHearsOfARefusalBeforeItIsRecorded) {
	Bench bench;
	bench.answers = {Answer::refused};
	bench.gate.keeping_takes = 50ms;
	std::size_t kept = 0;
	run_task(refused_side_by_side(&bench, &kept));
	EXPECT_EQ(kept, 1u);
	run_task(calls(&bench, 5));
	EXPECT_EQ(bench.sent, 2);
	EXPECT_EQ(bench.gate.kept.size(), 1u);
}

TEST(SecretGate, WhatOthersHaveFoundOut) {
	Bench bench;
	bench.answers = {Answer::taken};
	bench.gate.learn_refused(SecretGate::lasting(refusal()));
	run_task(calls(&bench, 3));
	EXPECT_EQ(bench.sent, 0);
	bench.gate.forget(); // an administrator asks again
	run_task(calls(&bench, 3));
	EXPECT_EQ(bench.sent, 3);
	EXPECT_EQ(bench.most_at_once, 2) << "with care";
	bench.gate.learn_refused(SecretGate::lasting(refusal()));
	run_task(calls(&bench, 1));
	EXPECT_EQ(bench.sent, 3);
	bench.gate.learn_taken();
	run_task(calls(&bench, 3));
	EXPECT_EQ(bench.sent, 6);
}

TEST(SecretGate, AnotherProcessGoesAheadAndIsRefused) {
	Bench bench;
	bench.answers = {Answer::taken};
	int looks = 0;
	bench.gate.may_lead = [&] {
		if (++looks == 3)
			bench.gate.learn_refused(SecretGate::lasting(refusal()));
		return looks == 3;
	};
	const auto started = std::chrono::steady_clock::now();
	run_task(calls(&bench, 10));
	EXPECT_LT(std::chrono::steady_clock::now() - started, 3s);
	EXPECT_EQ(looks, 3);
	EXPECT_EQ(bench.sent, 0);
	EXPECT_EQ(bench.refused, 10);
	EXPECT_FALSE(bench.gate.leads);
}

TEST(SecretGate, AnotherProcessComesBackWithoutAnAnswer) {
	Bench bench;
	bench.answers = {Answer::taken};
	int looks = 0;
	bench.gate.may_lead = [&] { return ++looks == 3; };
	run_task(calls(&bench, 10));
	EXPECT_EQ(bench.sent, 10);
	EXPECT_EQ(bench.most_at_once, 9);
	EXPECT_FALSE(bench.gate.leads);
}

TEST(SecretGate, ARefusalThatCouldNotBeRecordedHoldsHere) {
	Bench bench;
	bench.answers = {Answer::refused};
	bench.gate.can_keep = false;
	run_task(calls(&bench, 3));
	bench.gate.forget(); // the others know nothing of it
	bench.gate.learn_taken();
	run_task(calls(&bench, 3));
	EXPECT_EQ(bench.sent, 1);
	EXPECT_TRUE(bench.gate.kept.empty());
	bench.gate.can_keep = true;
	run_task(calls(&bench, 3));
	EXPECT_EQ(bench.sent, 1);
	ASSERT_EQ(bench.gate.kept.size(), 1u);
	EXPECT_EQ(bench.gate.kept[0].detail(), "endpoint /x");
	bench.gate.forget(); // an administrator asks again
	run_task(calls(&bench, 3));
	EXPECT_EQ(bench.sent, 2);
}

// ---- as Plaid's client uses it ----

TEST(SecretGate, PlaidSaysWhetherItTakesTheSecret) {
	struct Case {
		int status;
		std::string body;
		bool taken, refused;
	};
	const Case cases[] = {
	    {200, R"({"accounts": [], "item": {}, "request_id": "r"})", true, false},
	    {400, test::plaid_error("INVALID_INPUT", "INVALID_API_KEYS"), false, true},
	    {400, test::plaid_error("INVALID_INPUT", "UNAUTHORIZED_ENVIRONMENT"), false, true},
	    {400, test::plaid_error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED"), true, false},
	    {400, test::plaid_error("ITEM_ERROR", "PRODUCT_NOT_READY"), true, false},
	    {400, test::plaid_error("INVALID_INPUT", "INVALID_PRODUCT"), false, false},
	    {429, test::plaid_error("RATE_LIMIT_EXCEEDED", "RATE_LIMIT"), false, false},
	};
	for (const Case &one : cases) {
		test::PlaidSession plaid;
		const auto gate = std::make_shared<FakeGate>();
		plaid.server->gate = gate;
		plaid.transport.handle_with(
		    [&](const test::SentRequest &) { return test::FakeTransport::response(one.status, one.body); });
		for (int i = 0; i < 2; ++i) {
			try {
				(void)run_task(plaid.provider.accounts(plaid.session(), plaid.credentials(), {}));
			} catch (const Error &error) {
				EXPECT_EQ(error.hint().find("ob.retry_credentials") != std::string::npos, one.refused);
			}
		}
		EXPECT_EQ(gate->is_taken(), one.taken) << one.body;
		EXPECT_EQ(gate->kept.size(), one.refused ? 1u : 0u) << one.body;
		EXPECT_EQ(plaid.transport.requests.size() == 1, one.refused) << one.body;
	}
}

} // namespace
} // namespace ob::providers
