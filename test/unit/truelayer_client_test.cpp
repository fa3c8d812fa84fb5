// How TrueLayer is called: hosts, proofs, repetitions, tokens that end, who is there, budgets.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "providers/truelayer/client.hpp"
#include "providers/truelayer/errors.hpp"
#include "providers/truelayer/limits.hpp"
#include "providers/truelayer/person.hpp"
#include "providers/truelayer/results.hpp"
#include "unit/support/fake_budget.hpp"
#include "unit/support/fake_gate.hpp"
#include "unit/support/truelayer_session.hpp"

namespace ob::providers::truelayer {
namespace {

using namespace std::chrono_literals;
using test::caught;
using test::FakeBudget;
using test::FakeGate;
using test::FakeKeeper;
using test::results;
using test::run_task;
using test::truelayer_error;
using test::TrueLayerSession;

constexpr auto kPending = "/data/v1/accounts/{account_id}/transactions/pending";

Account account() {
	Account account;
	account.id = "a/1+";
	account.type = "checking";
	return account;
}

std::size_t read_pending(TrueLayerSession &bank, std::optional<ConnectionId> connection = 7) {
	Session session = bank.session();
	session.connection = connection;
	const auto reader = bank.provider.read_pending(std::move(session), bank.credentials(), account());
	const auto page = run_task(reader->next());
	return page ? page->rows.size() : 0;
}

constexpr auto kRow = R"({"timestamp":"2026-03-01T00:00:00","amount":-1,"currency":"GBP","transaction_type":"DEBIT"})";

TEST(TrueLayerClient, CallsTheHostOfTheEnvironment) {
	TrueLayerSession bank;
	bank.transport.answer(kPending, results(kRow)).answer(kPending, results(kRow)).answer(kPending, results(kRow));
	read_pending(bank);
	bank.option("environment", "production");
	read_pending(bank);
	bank.option("api_url", "http://127.0.0.1:99/truelayer/");
	read_pending(bank);
	const auto &requests = bank.transport.requests;
	const std::string path = "/data/v1/accounts/a%2F1%2B/transactions/pending";
	EXPECT_EQ(requests.at(0).url, "https://api.truelayer-sandbox.com" + path);
	EXPECT_EQ(requests.at(1).url, "https://api.truelayer.com" + path);
	EXPECT_EQ(requests.at(2).url, "http://127.0.0.1:99/truelayer" + path);
	EXPECT_EQ(requests.at(0).method, "GET");
	EXPECT_EQ(requests.at(0).header("Authorization"), "Bearer access-0");
	EXPECT_EQ(requests.at(0).header("Accept"), "application/json");
	EXPECT_EQ(requests.at(0).header("X-PSU-IP"), "");
	EXPECT_EQ(requests.at(0).body, "");
	EXPECT_EQ(requests.at(0).pool, 78u);
}

TEST(TrueLayerClient, AClientOfTheOtherEnvironmentIsNotSent) {
	TrueLayerSession bank;
	bank.option("environment", "production");
	const Error error = caught([&] { run_task(bank.provider.renew_tokens(bank.session(), bank.credentials())); });
	EXPECT_EQ(error.code(), ErrorCode::not_configured);
	bank.server->credentials["client_id"] = Secret("live-client");
	bank.option("environment", "sandbox");
	EXPECT_EQ(caught([&] { run_task(bank.provider.renew_tokens(bank.session(), bank.credentials())); }).code(),
	          ErrorCode::not_configured);
	EXPECT_TRUE(bank.transport.requests.empty());
	bank.option("auth_url", "http://127.0.0.1:99/truelayer-auth");
	bank.transport.answer("/connect/token", R"({"access_token":"n","expires_in":10,"token_type":"Bearer"})");
	EXPECT_NO_THROW(run_task(bank.provider.renew_tokens(bank.session(), bank.credentials())));
}

// ---- tokens that end ----

TEST(TrueLayerClient, ARefusedTokenIsRenewedOnce) {
	TrueLayerSession bank;
	bank.tokens = std::make_shared<FakeKeeper>();
	bank.transport.answer(kPending, 401, truelayer_error("invalid_token")).answer(kPending, results(kRow));
	EXPECT_EQ(read_pending(bank), 1u);
	EXPECT_EQ(bank.tokens->refused, std::vector<std::string>{"access-1"});
	EXPECT_EQ(bank.transport.requests.at(0).header("Authorization"), "Bearer access-1");
	EXPECT_EQ(bank.transport.requests.at(1).header("Authorization"), "Bearer access-2");
}

TEST(TrueLayerClient, ASecondRefusalNeedsTheUser) {
	TrueLayerSession bank;
	bank.tokens = std::make_shared<FakeKeeper>();
	bank.transport.answer(kPending, 401, truelayer_error("unauthorized"));
	bank.transport.answer(kPending, 401, truelayer_error("unauthorized"));
	EXPECT_EQ(caught([&] { read_pending(bank); }).code(), ErrorCode::reauth_required);
	EXPECT_EQ(bank.transport.requests.size(), 2u);
	EXPECT_EQ(bank.tokens->refused.size(), 1u);
}

TEST(TrueLayerClient, WithoutAKeeperItIsRefusedAtOnce) {
	TrueLayerSession bank;
	bank.transport.answer(kPending, 401, truelayer_error("invalid_token"));
	EXPECT_EQ(caught([&] { read_pending(bank); }).code(), ErrorCode::reauth_required);
	EXPECT_EQ(bank.transport.requests.size(), 1u);
}

TEST(TrueLayerClient, WhatARenewalFailsWithIsTheCallsFailure) {
	TrueLayerSession bank;
	bank.tokens = std::make_shared<FakeKeeper>();
	bank.tokens->failure.emplace(ErrorCode::reauth_required, Reaction::reauth, "invalid_grant", "over", "detail");
	bank.transport.answer(kPending, 401, truelayer_error("invalid_token"));
	EXPECT_EQ(caught([&] { read_pending(bank); }).message(), "over");
}

TEST(TrueLayerClient, AClientThatIsRefusedIsNoMatterOfTokens) {
	TrueLayerSession bank;
	bank.tokens = std::make_shared<FakeKeeper>();
	bank.transport.answer(kPending, 401, truelayer_error("unauthorized_client"));
	EXPECT_EQ(caught([&] { read_pending(bank); }).code(), ErrorCode::credentials_refused);
	EXPECT_TRUE(bank.tokens->refused.empty());
}

// ---- who is there ----

TEST(TrueLayerClient, APersonsAddressIsToldOnlyIfItIsOne) {
	for (const char *ip : {"192.0.2.7", "2001:db8::1"}) {
		TrueLayerSession bank;
		bank.user_ip = ip;
		bank.transport.answer(kPending, results(""));
		read_pending(bank);
		EXPECT_EQ(bank.transport.requests.at(0).header("X-PSU-IP"), ip);
	}
	for (const char *ip :
	     {"", "192.0.2.7/32", "192.0.2.7, 10.0.0.1", "192.0.2", "host", "::1%eth0", "1.2.3.4\r\nX: y"}) {
		TrueLayerSession bank;
		bank.user_ip = ip;
		bank.transport.answer(kPending, results(""));
		read_pending(bank);
		for (const auto &[name, value] : bank.transport.requests.at(0).headers)
			EXPECT_NE(name, "X-PSU-IP") << ip;
	}
}

TEST(TrueLayerClient, APersonsAddressStaysWithTheDataApi) {
	TrueLayerSession bank;
	bank.user_ip = "192.0.2.7";
	bank.transport.answer("/connect/token", R"({"access_token":"n","expires_in":10,"token_type":"Bearer"})");
	run_task(bank.provider.renew_tokens(bank.session(), bank.credentials()));
	EXPECT_EQ(bank.transport.requests.at(0).header("X-PSU-IP"), "");
}

// ---- budgets ----

TEST(TrueLayerBudget, WhileNobodyIsThereTheBanksCallsAreCounted) {
	TrueLayerSession bank;
	const auto budget = std::make_shared<FakeBudget>();
	bank.server->budget = budget;
	bank.transport.answer(kPending, results(kRow)).answer(kPending, results(kRow)).answer(kPending, results(kRow));
	read_pending(bank);
	EXPECT_EQ(budget->unattended, std::vector<std::string>{"accounts/a/1+/transactions/pending"});
	bank.user_ip = "192.0.2.7";
	read_pending(bank);
	bank.user_ip.clear();
	bank.log_in();
	read_pending(bank);
	EXPECT_EQ(budget->unattended.size(), 1u) << "a person is there, or has just been at the bank";
	EXPECT_EQ(budget->asked, std::vector<std::string>(3, "transactions of 7"));
}

TEST(TrueLayerBudget, AShortageIsALimitOfTheProvider) {
	TrueLayerSession bank;
	const auto budget = std::make_shared<FakeBudget>();
	bank.server->budget = budget;
	budget->shortages["transactions"].emplace_back(Shortage{bank.clock.now() + 6h, {4, 24h}, true, true});
	try {
		read_pending(bank);
		FAIL();
	} catch (const ProviderError &error) {
		EXPECT_EQ(error.reaction(), Reaction::rate_limited);
		EXPECT_EQ(error.retry_after(), 6h);
		EXPECT_NE(error.detail().find("budget transactions of connection 7"), std::string::npos);
	}
	EXPECT_TRUE(bank.transport.requests.empty());
}

TEST(TrueLayerBudget, EachClassIsKnown) {
	std::vector<std::string_view> names;
	for (const CallClass &known : truelayer::call_classes()) {
		names.push_back(known.name);
		EXPECT_EQ(known.production.per_connection, 0);
		EXPECT_GT(known.production.per_client, 0);
	}
	EXPECT_EQ(names,
	          (std::vector<std::string_view>{"auth", "exchange", "refresh", "accounts", "balance", "transactions"}));
}

// ---- repetitions ----

TEST(TrueLayerRepeats, WhileNobodyIsThereOnceMore) {
	TrueLayerSession bank;
	for (int i = 0; i < 2; ++i)
		bank.transport.answer(kPending, 500, truelayer_error("internal_server_error"));
	EXPECT_EQ(caught([&] { read_pending(bank); }).code(), ErrorCode::provider_down);
	EXPECT_EQ(bank.transport.requests.size(), 2u);
	EXPECT_EQ(bank.stats.retries, 1);
}

TEST(TrueLayerRepeats, WithAPersonTwice) {
	TrueLayerSession bank;
	bank.user_ip = "192.0.2.7";
	for (int i = 0; i < 2; ++i)
		bank.transport.answer(kPending, 504, truelayer_error("provider_timeout"));
	bank.transport.answer(kPending, results(kRow));
	EXPECT_EQ(read_pending(bank), 1u);
}

TEST(TrueLayerRepeats, WhatNeverLeftUsesUpNothing) {
	TrueLayerSession bank;
	const auto budget = std::make_shared<FakeBudget>();
	bank.server->budget = budget;
	bank.transport.fail_unsent(kPending, ErrorCode::unreachable).fail_unsent(kPending, ErrorCode::unreachable);
	bank.transport.answer(kPending, results(kRow));
	EXPECT_EQ(read_pending(bank), 1u);
	EXPECT_EQ(bank.transport.requests.size(), 3u);
	EXPECT_EQ(budget->unattended.size(), 1u) << "one call of the day";
	EXPECT_EQ(budget->asked.size(), 3u) << "and one of the minute for each try";

	for (int i = 0; i < 3; ++i)
		bank.transport.fail_unsent(kPending, ErrorCode::unreachable);
	EXPECT_EQ(caught([&] { read_pending(bank); }).code(), ErrorCode::unreachable);
	EXPECT_EQ(budget->unattended.size(), 1u) << "what was not used is given back";
}

TEST(TrueLayerRepeats, WhatMayHaveArrivedCounts) {
	TrueLayerSession bank;
	const auto budget = std::make_shared<FakeBudget>();
	bank.server->budget = budget;
	bank.transport.fail(kPending, ErrorCode::deadline).fail_unsent(kPending, ErrorCode::unreachable);
	bank.transport.answer(kPending, results(kRow));
	EXPECT_EQ(read_pending(bank), 1u);
	EXPECT_EQ(budget->unattended.size(), 2u);
}

TEST(TrueLayerRepeats, WhatLastsIsNotRepeated) {
	for (const char *code : {"provider_request_limit_exceeded", "provider_error", "validation_error"}) {
		TrueLayerSession bank;
		bank.user_ip = "192.0.2.7";
		http::Response refused = test::FakeTransport::response(429, truelayer_error(code));
		if (code == kQuotaCode)
			refused.headers.emplace_back("retry-after", "0"); // whatever is told
		bank.transport.answer(kPending, refused);
		caught([&] { read_pending(bank); });
		EXPECT_EQ(bank.transport.requests.size(), 1u) << code;
	}
}

TEST(TrueLayerRepeats, AShortWaitThatIsToldIsKept) {
	TrueLayerSession bank;
	http::Response limited = test::FakeTransport::response(429, truelayer_error("provider_too_many_requests"));
	limited.headers.emplace_back("retry-after", "0");
	bank.transport.answer(kPending, limited).answer(kPending, results(kRow));
	EXPECT_EQ(read_pending(bank), 1u);
}

TEST(TrueLayerRepeats, APageOfAGatewayIsNoAnswer) {
	TrueLayerSession bank;
	bank.transport.answer(kPending, 200, "<html>please log in</html>").answer(kPending, results(kRow));
	EXPECT_EQ(read_pending(bank), 1u);
}

// ---- the secret ----

TEST(TrueLayerSecret, ARefusedOneIsRecorded) {
	TrueLayerSession bank;
	const auto gate = std::make_shared<FakeGate>();
	bank.server->gate = gate;
	bank.transport.answer("/connect/token", 400, truelayer_error("invalid_client"));
	const auto renew = [&] { run_task(bank.provider.renew_tokens(bank.session(), bank.credentials())); };
	EXPECT_EQ(caught(renew).code(), ErrorCode::credentials_refused);
	EXPECT_EQ(gate->kept.size(), 1u);
	EXPECT_EQ(caught(renew).code(), ErrorCode::credentials_refused);
	EXPECT_EQ(bank.transport.requests.size(), 1u) << "it is not sent again";
}

TEST(TrueLayerSecret, ARefusedGrantShowsThatItIsGood) {
	TrueLayerSession bank;
	const auto gate = std::make_shared<FakeGate>();
	bank.server->gate = gate;
	bank.transport.answer("/connect/token", 400, truelayer_error("invalid_grant"));
	EXPECT_EQ(caught([&] { run_task(bank.provider.renew_tokens(bank.session(), bank.credentials())); }).code(),
	          ErrorCode::reauth_required);
	EXPECT_TRUE(gate->is_taken());
}

TEST(TrueLayerSecret, DataCallsDoNotSendIt) {
	TrueLayerSession bank;
	const auto gate = std::make_shared<FakeGate>();
	gate->may_lead = [] { return false; }; // another process is trying it
	bank.server->gate = gate;
	bank.transport.answer(kPending, results(kRow));
	EXPECT_EQ(read_pending(bank), 1u);
}

// ---- results ----

TEST(TrueLayerResults, WhatIsNotFinalIsNoEmptyList) {
	for (const char *status : {"Queued", "Running", "running"}) {
		TrueLayerSession bank;
		bank.transport.answer(kPending, results("", status));
		try {
			read_pending(bank);
			ADD_FAILURE() << status;
		} catch (const ProviderError &error) {
			EXPECT_EQ(error.reaction(), Reaction::not_ready) << status;
		}
	}
	for (const char *status : {"Failed", "Cancelled"}) {
		TrueLayerSession bank;
		bank.transport.answer(kPending, results(kRow, status));
		EXPECT_EQ(caught([&] { read_pending(bank); }).code(), ErrorCode::provider_down) << status;
	}
}

TEST(TrueLayerResults, FinalOnesComeInSeveralForms) {
	for (const std::string &body :
	     {results(kRow), results(kRow, "succeeded"), R"({"results":[)" + std::string(kRow) + "]}",
	      R"({"status":"Succeeded","new":1,"results":[)" + std::string(kRow) + "]}"}) {
		TrueLayerSession bank;
		bank.transport.answer(kPending, body);
		EXPECT_EQ(read_pending(bank), 1u) << body;
	}
	for (const std::string body : {"", R"({"results":null})", R"({"results":[]})"}) {
		TrueLayerSession bank;
		bank.transport.answer(kPending, body.empty() ? 204 : 200, body);
		EXPECT_EQ(read_pending(bank), 0u) << body;
	}
	TrueLayerSession bank;
	bank.transport.answer(kPending, "{}");
	EXPECT_EQ(caught([&] { read_pending(bank); }).code(), ErrorCode::bad_reply);
}

TEST(TrueLayerResults, AreFetchedLaterFromTheApiOnly) {
	TrueLayerSession bank;
	bank.option("async", "true");
	const std::string uri = "https://api.truelayer-sandbox.com/data/v1/results/18a77ae5-a30b";
	bank.transport.answer(kPending, 202, R"({"results_uri":")" + uri + R"(","status":"Queued","task_id":"18a77ae5"})");
	bank.transport.answer(kPending, results(kRow));
	EXPECT_EQ(read_pending(bank), 1u);
	EXPECT_TRUE(bank.transport.requests.at(0).url.ends_with("/pending?async=true"));
	EXPECT_EQ(bank.transport.requests.at(1).url, uri);
}

TEST(TrueLayerResults, NoOtherHostGetsTheToken) {
	ServerConfig server;
	server.provider = "truelayer";
	server.options["api_url"] = "https://api.truelayer.com/base";
	EXPECT_TRUE(is_own_result(server, "https://api.truelayer.com/base/data/v1/results/1"));
	EXPECT_TRUE(is_own_result(server, "https://API.truelayer.com:443/base/data/v1/results/1?a=b"));
	for (const char *url :
	     {"https://api.truelayer.com.evil.example/base/data/v1/results/1",
	      "https://evil.example/base/data/v1/results/1", "http://api.truelayer.com/base/data/v1/results/1",
	      "https://api.truelayer.com:8443/base/data/v1/results/1", "https://api.truelayer.com/data/v1/results/1",
	      "https://api.truelayer.com/base/connect/token",
	      "https://api.truelayer.com/base/data/v1/../../connections/extend",
	      "https://a@api.truelayer.com/base/data/v1/x", "/data/v1/results/1", ""})
		EXPECT_FALSE(is_own_result(server, url)) << url;
	TrueLayerSession bank;
	bank.transport.answer(kPending, 202,
	                      R"({"results_uri":"https://evil.example/data/v1/results/1","status":"Queued"})");
	EXPECT_EQ(caught([&] { read_pending(bank); }).code(), ErrorCode::bad_reply);
	EXPECT_EQ(bank.transport.requests.size(), 1u);
}

// ---- other calls ----

TEST(TrueLayerRaw, ReadsWhatIsNotModelled) {
	TrueLayerSession bank;
	RawCall call{"get", "/data/v1/info", R"({"async":"true"})", {}};
	bank.transport.answer("/data/v1/info", 404, "{}");
	EXPECT_EQ(run_task(bank.provider.raw_call(bank.session(), call, bank.credentials())).status, 404);
	EXPECT_EQ(bank.transport.requests.at(0).url, "https://api.truelayer-sandbox.com/data/v1/info?async=true");
	EXPECT_EQ(bank.transport.requests.at(0).header("Authorization"), "Bearer access-0");
}

TEST(TrueLayerRaw, RefusesCallsThatMakeOrEndTokens) {
	TrueLayerSession bank;
	for (const char *path : {"/connect/token", "/api/delete", "/connections/extend", "/v1/reauthuri", "/v1/authuri",
	                         "/api/debug", "/data/v2/x"})
		EXPECT_EQ(caught([&] {
			          run_task(bank.provider.raw_call(bank.session(), {"POST", path, {}, {}}, bank.credentials()));
		          }).code(),
		          ErrorCode::not_allowed)
		    << path;
	for (const char *path : {"/data/v1/../../connect/token", "/data/v1/%2e%2e/x", "/data/v1//x", "/data/v1/a?b=c"})
		EXPECT_EQ(caught([&] {
			          run_task(bank.provider.raw_call(bank.session(), {"GET", path, {}, {}}, bank.credentials()));
		          }).code(),
		          ErrorCode::invalid_argument)
		    << path;
	EXPECT_TRUE(bank.transport.requests.empty());
}

} // namespace
} // namespace ob::providers::truelayer
