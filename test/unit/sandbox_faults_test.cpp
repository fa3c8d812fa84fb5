// Fault rules: which calls they hit, and what becomes of the answer.
#include "sandbox_client.hpp"

namespace ob::sandbox {
namespace {

class SandboxFaults : public SandboxTest {
protected:
	Answer accounts() { return plaid("/accounts/get", with_token(token_)); }
	void rule(const std::string &text) { control("faults", text); }

	std::string token_ = link();
};

TEST_F(SandboxFaults, HitTheNthCallAndCount) {
	rule(R"({"kind": "status", "status": 503, "path": "/plaid/accounts/get", "nth": 2, "count": 2})");
	EXPECT_EQ(accounts().status(), 200);
	EXPECT_EQ(sync(token_).status(), 200);
	EXPECT_EQ(accounts().status(), 503);
	EXPECT_EQ(accounts().status(), 503);
	EXPECT_EQ(accounts().status(), 200);
}

TEST_F(SandboxFaults, HitOneItemOrAll) {
	const std::string item = plaid("/item/get", with_token(token_)).body.get("item").text_of("item_id");
	rule(R"({"kind": "error", "code": "INTERNAL_SERVER_ERROR", "count": 0, "item_id": ")" + item + "\"}");
	EXPECT_EQ(accounts().status(), 500);
	EXPECT_EQ(accounts().code(), "INTERNAL_SERVER_ERROR");
	EXPECT_EQ(plaid("/accounts/get", with_token(link())).status(), 200);
	rule(R"({"clear": true})");
	EXPECT_EQ(accounts().status(), 200);
	rule(R"({"kind": "html", "path": "/plaid/*", "count": 0})");
	EXPECT_EQ(accounts().status(), 502);
	EXPECT_EQ(accounts().response.content_type, "text/html");
}

TEST_F(SandboxFaults, LostAnswersTakeEffect) {
	rule(R"({"kind": "cut", "path": "/plaid/item/remove"})");
	EXPECT_EQ(plaid("/item/remove", with_token(token_)).response.delivery.cut, Delivery::Cut::before_answer);
	EXPECT_EQ(plaid("/item/remove", with_token(token_)).code(), "ITEM_NOT_FOUND");
}

TEST_F(SandboxFaults, RefusalsDoNot) {
	rule(R"({"kind": "error", "code": "INTERNAL_SERVER_ERROR", "path": "/plaid/item/remove"})");
	EXPECT_EQ(plaid("/item/remove", with_token(token_)).status(), 500);
	EXPECT_EQ(plaid("/item/remove", with_token(token_)).status(), 200);
	const std::string other = link();
	rule(R"({"kind": "error", "code": "INTERNAL_SERVER_ERROR", "path": "/plaid/item/remove", "takes_effect": true})");
	EXPECT_EQ(plaid("/item/remove", with_token(other)).status(), 500);
	EXPECT_EQ(plaid("/item/remove", with_token(other)).code(), "ITEM_NOT_FOUND");
}

TEST_F(SandboxFaults, Deliveries) {
	rule(
	    R"({"rules": [{"kind": "cut", "where": "body", "after": 10, "reset": true}, {"kind": "drip", "bytes_per_second": 5, "nth": 2},
		{"kind": "stall", "nth": 3}, {"kind": "delay", "ms": 70, "nth": 4}, {"kind": "huge", "bytes": 3000000000, "nth": 5}]})");
	const Delivery cut = accounts().response.delivery;
	EXPECT_EQ(cut.cut, Delivery::Cut::in_body);
	EXPECT_EQ(cut.cut_after, 10U);
	EXPECT_TRUE(cut.reset);
	EXPECT_EQ(accounts().response.delivery.bytes_per_second, 5U);
	EXPECT_TRUE(accounts().response.delivery.stall);
	EXPECT_EQ(accounts().response.delivery.delay, std::chrono::milliseconds{70});
	EXPECT_EQ(accounts().response.delivery.filler_bytes, 3'000'000'000U);
	EXPECT_EQ(accounts().response.delivery.delay.count(), 0);
}

TEST_F(SandboxFaults, SpoiledBodies) {
	const std::size_t size = accounts().response.body.size();
	rule(R"({"kind": "truncate", "bytes": 20})");
	EXPECT_EQ(accounts().response.body.size(), 20U);
	rule(R"({"kind": "malformed"})");
	EXPECT_FALSE(accounts().body.exists());
	rule(R"({"kind": "empty"})");
	EXPECT_TRUE(accounts().response.body.empty());
	rule(R"({"kind": "invalid_utf8"})");
	const Answer bytes = accounts();
	EXPECT_NE(bytes.response.body.find("\"name\":\"\xC3\x28"), std::string::npos);
	EXPECT_FALSE(bytes.body.exists());
	rule(R"({"kind": "content_type", "content_type": "text/plain"})");
	EXPECT_EQ(accounts().response.content_type, "text/plain");
	EXPECT_EQ(accounts().response.body.size(), size);
}

TEST_F(SandboxFaults, RateLimitWithRetryAfter) {
	rule(R"({"kind": "rate_limit", "retry_after": 3})");
	const Answer answer = accounts();
	EXPECT_EQ(answer.status(), 429);
	EXPECT_EQ(answer.code(), "RATE_LIMIT");
	ASSERT_EQ(answer.response.headers.size(), 1U);
	EXPECT_EQ(answer.response.headers.front(), (std::pair<std::string, std::string>{"Retry-After", "3"}));
}

TEST_F(SandboxFaults, ErrorsOfKindsNobodyKnows) {
	rule(R"({"kind": "error", "code": "NEW_TYPE:NEW_CODE"})");
	const Answer answer = accounts();
	EXPECT_EQ(answer.body.text_of("error_type"), "NEW_TYPE");
	EXPECT_EQ(answer.code(), "NEW_CODE");
}

TEST_F(SandboxFaults, EndlessPages) {
	rule(R"({"kind": "endless_pages", "count": 0})");
	std::string cursor;
	for (int n = 0; n < 5; ++n) {
		const Answer answer = sync(token_, cursor, ",\"count\":500");
		ASSERT_EQ(answer.status(), 200);
		EXPECT_TRUE(answer.body.truth_of("has_more"));
		EXPECT_NE(answer.body.text_of("next_cursor"), cursor);
		cursor = answer.body.text_of("next_cursor");
	}
}

TEST_F(SandboxFaults, RepeatedCursor) {
	rule(R"({"kind": "repeat_cursor", "count": 0})");
	const std::string cursor = sync(token_).body.text_of("next_cursor");
	const Answer answer = sync(token_, cursor);
	EXPECT_TRUE(answer.body.truth_of("has_more"));
	EXPECT_EQ(answer.body.text_of("next_cursor"), cursor);
}

TEST_F(SandboxFaults, MutationOnAPageAndChangedTotal) {
	rule(R"({"kind": "mutation_error", "path": "/plaid/transactions/sync", "nth": 2})");
	const Answer first = sync(token_, "", ",\"count\":10");
	EXPECT_EQ(sync(token_, first.body.text_of("next_cursor")).code(), "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION");
	EXPECT_EQ(sync(token_, first.body.text_of("next_cursor")).status(), 200);
	const auto total = [this] {
		return plaid("/transactions/get", with_token(token_, R"(,"start_date":"2026-01-01","end_date":"2026-03-07")"))
		    .body.integer_of("total_transactions");
	};
	const auto before = total();
	rule(R"({"kind": "change_total"})");
	EXPECT_EQ(total(), before + 1);
}

TEST_F(SandboxFaults, CommandsRunAfterTheCall) {
	rule(R"({"kind": "control", "path": "/plaid/transactions/sync", "run": [
		{"path": "/_control/plaid/transactions/add", "body": {"transactions": [{"amount": 5.10}]}}]})");
	const Answer first = sync(token_, "", ",\"count\":10");
	EXPECT_EQ(first.status(), 200);
	EXPECT_EQ(sync(token_, first.body.text_of("next_cursor")).code(), "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION");
	EXPECT_NE(sync(token_, "", ",\"count\":500").response.body.find("\"amount\":5.10,"), std::string::npos);
}

TEST_F(SandboxFaults, MistakesInRulesAreToldAtOnce) {
	for (const char *wrong : {R"({"kind": "explode"})", R"({"kind": "cut", "where": "middle"})", R"({"kind": "error"})",
	                          R"({"kind": "cut", "pathh": "/x"})", "[]"}) {
		Request request;
		request.path = "/_control/faults";
		request.body = wrong;
		EXPECT_EQ(send(request).status(), 400) << wrong;
	}
	Request unknown;
	unknown.path = "/_control/nothing";
	EXPECT_EQ(send(unknown).status(), 400);
}

TEST_F(SandboxFaults, LatencyByPath) {
	control("latency", R"({"ms": 50})");
	control("latency", R"({"ms": 5, "path": "/plaid/item/get"})");
	EXPECT_EQ(accounts().response.delivery.delay.count(), 50);
	EXPECT_EQ(plaid("/item/get", with_token(token_)).response.delivery.delay.count(), 5);
}

} // namespace
} // namespace ob::sandbox
