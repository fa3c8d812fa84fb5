// The simulated Plaid refuses what the real one refuses, before it looks at any data.
#include "sandbox_client.hpp"

namespace ob::sandbox {
namespace {

class SandboxRequests : public SandboxTest {
protected:
	/// The request with one header replaced, or dropped if `value` is empty.
	Answer with_header(const std::string &name, const std::string &value) {
		Request request = request_of("/plaid/accounts/get", with_token(token_));
		std::erase_if(request.headers, [&](const auto &header) { return header.first == name; });
		if (!value.empty()) {
			request.headers.emplace_back(name, value);
		}
		return send(request);
	}

	std::string token_ = link();
};

TEST_F(SandboxRequests, ErrorsAreWholeObjects) {
	const Answer answer = plaid("/item/get", with_token("access-sandbox-none"));
	EXPECT_EQ(answer.status(), 400);
	EXPECT_EQ(answer.code(), "INVALID_ACCESS_TOKEN");
	EXPECT_EQ(answer.body.text_of("error_type"), "INVALID_INPUT");
	EXPECT_TRUE(answer.body.get("display_message").is_null());
	EXPECT_TRUE(answer.body.get("suggested_action").is_null());
	EXPECT_TRUE(answer.body.get("causes").is_array());
	EXPECT_FALSE(answer.message().empty());
	EXPECT_FALSE(answer.body.text_of("documentation_url").empty());
	EXPECT_FALSE(answer.body.text_of("request_id").empty());
	EXPECT_FALSE(answer.body.has("status")); // only in webhooks
}

TEST_F(SandboxRequests, EveryAnswerHasItsOwnRequestId) {
	const std::string first = plaid("/item/get", with_token(token_)).body.text_of("request_id");
	EXPECT_FALSE(first.empty());
	EXPECT_NE(first, plaid("/item/get", with_token(token_)).body.text_of("request_id"));
}

TEST_F(SandboxRequests, Headers) {
	EXPECT_EQ(with_header("Content-Type", "application/json; charset=utf-8").status(), 200);
	EXPECT_EQ(with_header("Content-Type", "").code(), "INVALID_HEADERS");
	EXPECT_EQ(with_header("Content-Type", "text/plain").code(), "INVALID_HEADERS");
	EXPECT_EQ(with_header("PLAID-SECRET", "wrong").code(), "INVALID_API_KEYS");
	EXPECT_EQ(with_header("PLAID-SECRET", "wrong").status(), 400);
	EXPECT_EQ(with_header("PLAID-CLIENT-ID", "wrong").code(), "INVALID_API_KEYS");
	EXPECT_EQ(with_header("PLAID-CLIENT-ID", "").code(), "MISSING_FIELDS");
	EXPECT_EQ(with_header("Plaid-Version", "").status(), 200);
	EXPECT_EQ(with_header("Plaid-Version", "2019-05-29").code(), "INCOMPATIBLE_API_VERSION");
}

TEST_F(SandboxRequests, KeysMayBeInTheBody) {
	Request request = request_of("/plaid/accounts/get",
	                             with_token(token_, R"(,"client_id":"sandbox-client","secret":"sandbox-secret")"));
	request.headers = {{"content-type", "application/json"}};
	EXPECT_EQ(send(request).status(), 200);
	request.body = with_token(token_, R"(,"client_id":"sandbox-client","secret":"no")");
	EXPECT_EQ(send(request).code(), "INVALID_API_KEYS");
}

TEST_F(SandboxRequests, BodyMustBeAnObjectSentByPost) {
	for (const char *body : {"", "{", "[]", "1", "{\"access_token\":\"a\",\"access_token\":\"b\"}", "{}x"}) {
		EXPECT_EQ(plaid("/item/get", body).code(), "INVALID_BODY") << body;
	}
	Request request = request_of("/plaid/item/get", with_token(token_));
	request.method = "PUT";
	EXPECT_EQ(send(request).status(), 400);
}

TEST_F(SandboxRequests, UnknownEndpoints) {
	EXPECT_EQ(plaid("/item/gett", "{}").status(), 404);
	EXPECT_EQ(plaid("/item/gett", "{}").code(), "NOT_FOUND");
	Request request = request_of("/nobody/item/get", "{}");
	EXPECT_EQ(send(request).status(), 404);
}

TEST_F(SandboxRequests, FieldsAreCheckedAtEveryDepth) {
	const Answer unknown = plaid("/accounts/get", with_token(token_, R"(,"option":{},"options":{"accounts":[]})"));
	EXPECT_EQ(unknown.code(), "UNKNOWN_FIELDS");
	EXPECT_NE(unknown.message().find("options.accounts"), std::string::npos);
	EXPECT_NE(unknown.message().find("option,"), std::string::npos);
	EXPECT_EQ(plaid("/accounts/get", "{}").code(), "MISSING_FIELDS");
	EXPECT_EQ(plaid("/accounts/get", "{\"access_token\":1}").code(), "INVALID_FIELD");
	EXPECT_EQ(plaid("/accounts/get", "{\"access_token\":null}").code(), "INVALID_FIELD");
	EXPECT_EQ(plaid("/accounts/get", with_token(token_, ",\"options\":null")).code(), "INVALID_FIELD");
	EXPECT_EQ(plaid("/accounts/get", with_token(token_, ",\"options\":{\"account_ids\":\"x\"}")).code(),
	          "INVALID_FIELD");
	EXPECT_EQ(plaid("/accounts/get", with_token(token_, ",\"options\":{\"account_ids\":[1]}")).code(), "INVALID_FIELD");
	EXPECT_EQ(plaid("/accounts/get", with_token(token_, ",\"options\":{\"account_ids\":[\"x\"]}")).code(),
	          "INVALID_ACCOUNT_ID");
}

TEST_F(SandboxRequests, RangesAndFormats) {
	for (const char *count : {"0", "501", "1.0", "\"100\"", "null"}) {
		EXPECT_EQ(sync(token_, "", std::string(",\"count\":") + count).code(), "INVALID_FIELD") << count;
	}
	EXPECT_EQ(sync(token_, "", ",\"count\":500").status(), 200);
	for (const char *date : {"2026-02-30", "2026-2-03", "26-02-03", "", "2026-02-03T00:00:00Z"}) {
		const std::string body =
		    with_token(token_, ",\"start_date\":\"" + std::string(date) + "\",\"end_date\":\"2026-03-01\"");
		EXPECT_EQ(plaid("/transactions/get", body).code(), "INVALID_FIELD") << date;
	}
}

TEST_F(SandboxRequests, NullIsFineWhereTheContractSaysSo) {
	EXPECT_EQ(sync(token_, "", R"(,"options":{"include_original_description":null})").status(), 200);
	EXPECT_EQ(plaid("/item/webhook/update", with_token(token_, ",\"webhook\":null")).status(), 200);
	EXPECT_EQ(plaid("/item/remove", with_token(token_, ",\"reason_code\":null,\"reason_note\":null")).status(), 200);
}

TEST_F(SandboxRequests, SandboxEndpointsAreMissingInProduction) {
	control("config", R"({"environment": "production"})");
	EXPECT_EQ(plaid("/sandbox/item/reset_login", with_token(token_)).code(), "SANDBOX_ONLY");
}

TEST_F(SandboxRequests, LimitsCountByTheMinute) {
	control("config", R"({"limits": true})");
	const std::string body = with_token(token_);
	EXPECT_EQ(plaid("/transactions/refresh", body).status(), 200);
	EXPECT_EQ(plaid("/transactions/refresh", body).status(), 200);
	const Answer refused = plaid("/transactions/refresh", body);
	EXPECT_EQ(refused.status(), 429);
	EXPECT_EQ(refused.code(), "TRANSACTIONS_REFRESH_LIMIT");
	EXPECT_EQ(refused.body.text_of("error_type"), "RATE_LIMIT_EXCEEDED");
	control("clock", R"({"advance_seconds": 61})");
	EXPECT_EQ(plaid("/transactions/refresh", body).status(), 200);
}

TEST_F(SandboxRequests, CallsAreCountedWithoutSecrets) {
	control("requests", R"({"clear": true})");
	static_cast<void>(sync(token_));
	static_cast<void>(sync(token_));
	const Json log = control("requests");
	EXPECT_EQ(log.get("by_path").integer_of("/plaid/transactions/sync"), 2);
	EXPECT_EQ(log.get("by_item").members().size(), 1U);
	EXPECT_EQ(log.get("last").elements().back().text_of("api_version"), "2020-09-14");
	EXPECT_EQ(log.dump().find("access-sandbox"), std::string::npos);
	EXPECT_EQ(log.dump().find("sandbox-secret"), std::string::npos);
}

} // namespace
} // namespace ob::sandbox
