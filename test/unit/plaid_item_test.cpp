#include <gtest/gtest.h>

#include <string>

#include "core/time.hpp"
#include "providers/plaid/provider.hpp"
#include "unit/support/plaid_session.hpp"

namespace ob::providers::plaid {
namespace {

using test::caught;
using test::plaid_error;
using test::PlaidSession;
using test::run_task;

// ---- /item/public_token/exchange ----

LinkGrant grant() {
	LinkGrant grant;
	grant.kind = "public_token";
	grant.value = Secret("public-sandbox-1");
	return grant;
}

TEST(PlaidExchange, YieldsTheItem) {
	PlaidSession plaid;
	plaid.transport.answer("/item/public_token/exchange",
	                       R"({"access_token":"access-sandbox-9","item_id":"Item1","request_id":"r9"})");
	const Established item = run_task(plaid.provider.exchange(plaid.session(), grant()));
	EXPECT_EQ(item.provider_connection_id, "Item1");
	EXPECT_EQ(item.credentials.at("access_token").reveal(), "access-sandbox-9");
	EXPECT_EQ(item.request_id, "r9");
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(), R"({"public_token":"public-sandbox-1"})");
}

TEST(PlaidExchange, IsNeverRepeated) {
	struct Case {
		int status; // 0: a failure of the transport
		std::string body;
		ErrorCode transport;
		ErrorCode want;
	};
	for (const Case &c : {
	         Case{0, "", ErrorCode::unreachable, ErrorCode::outcome_unknown},
	         Case{0, "", ErrorCode::deadline, ErrorCode::outcome_unknown},
	         Case{0, "", ErrorCode::bad_reply, ErrorCode::outcome_unknown},
	         Case{0, "", ErrorCode::limit_exceeded, ErrorCode::outcome_unknown},
	         Case{0, "", ErrorCode::address_refused, ErrorCode::address_refused},
	         Case{502, "<html>", {}, ErrorCode::outcome_unknown},
	         Case{403, "<html>", {}, ErrorCode::outcome_unknown},
	         Case{500, plaid_error("API_ERROR", "INTERNAL_SERVER_ERROR"), {}, ErrorCode::outcome_unknown},
	         Case{200, "{}", {}, ErrorCode::outcome_unknown},
	         Case{200, "[]", {}, ErrorCode::outcome_unknown},
	         Case{200, "{\"access_token\":\"a\"", {}, ErrorCode::outcome_unknown},
	         Case{200, R"({"access_token":"","item_id":"i"})", {}, ErrorCode::outcome_unknown},
	         Case{200, R"({"access_token":"a","item_id":null})", {}, ErrorCode::outcome_unknown},
	         Case{400, plaid_error("INVALID_INPUT", "INVALID_PUBLIC_TOKEN"), {}, ErrorCode::refused},
	         Case{400, plaid_error("INVALID_INPUT", "INVALID_API_KEYS"), {}, ErrorCode::credentials_refused},
	         Case{429, plaid_error("RATE_LIMIT_EXCEEDED", "RATE_LIMIT"), {}, ErrorCode::rate_limited},
	     }) {
		PlaidSession plaid;
		if (c.status == 0)
			plaid.transport.fail("/item/public_token/exchange", c.transport);
		else
			plaid.transport.answer("/item/public_token/exchange", c.status, c.body);
		const Error error = caught([&] { run_task(plaid.provider.exchange(plaid.session(), grant())); });
		EXPECT_EQ(error.code(), c.want) << c.status << c.body << sqlstate(error.code());
		EXPECT_EQ(plaid.transport.requests.size(), 1u);
		EXPECT_EQ(error.detail().find("public-sandbox"), std::string::npos);
	}
}

// ---- /item/remove ----

TEST(PlaidRemove, CountsWhatIsGoneAsRemoved) {
	for (const auto &[type, code] :
	     {std::pair{"ITEM_ERROR", "ITEM_NOT_FOUND"}, std::pair{"ITEM_ERROR", "ITEM_CONCURRENTLY_DELETED"},
	      std::pair{"INVALID_INPUT", "USER_PERMISSION_REVOKED"}}) {
		PlaidSession plaid;
		plaid.transport.answer("/item/remove", 400, plaid_error(type, code));
		EXPECT_NO_THROW(run_task(plaid.provider.remove(plaid.session(), plaid.credentials()))) << code;
	}
	PlaidSession plaid;
	plaid.transport.answer("/item/remove", R"({"request_id":"r"})");
	EXPECT_NO_THROW(run_task(plaid.provider.remove(plaid.session(), plaid.credentials())));
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(), R"({"access_token":"access-sandbox-1"})");
}

TEST(PlaidRemove, IsRepeatedAfterALostAnswer) {
	PlaidSession plaid;
	plaid.transport.fail("/item/remove", ErrorCode::deadline)
	    .answer("/item/remove", 400, plaid_error("ITEM_ERROR", "ITEM_NOT_FOUND"));
	EXPECT_NO_THROW(run_task(plaid.provider.remove(plaid.session(), plaid.credentials())));
	EXPECT_EQ(plaid.transport.requests.size(), 2u);
}

TEST(PlaidRemove, DoesNotTakeAForeignTokenForSuccess) {
	PlaidSession plaid;
	plaid.transport.answer("/item/remove", 400, plaid_error("INVALID_INPUT", "INVALID_ACCESS_TOKEN"));
	EXPECT_EQ(caught([&] { run_task(plaid.provider.remove(plaid.session(), plaid.credentials())); }).code(),
	          ErrorCode::refused);
}

// ---- /item/get ----

std::string item(const std::string &fields, const std::string &status = "null") {
	return R"({"item":{"item_id":"i","webhook":null)" + fields + R"(},"status":)" + status + R"(,"request_id":"r"})";
}

ConnectionHealth health_of(const std::string &body) {
	PlaidSession plaid;
	plaid.transport.answer("/item/get", body);
	return run_task(plaid.provider.health(plaid.session(), plaid.credentials()));
}

TEST(PlaidHealth, ReadsASoundItem) {
	const ConnectionHealth health =
	    health_of(item(R"(,"institution_id":"ins_1","institution_name":"First Bank","error":null,)"
	                   R"("consent_expiration_time":"2026-06-01T00:00:00Z")",
	                   R"({"transactions":{"last_successful_update":"2026-03-10T08:00:00Z","last_failed_update":null},)"
	                   R"("last_webhook":null})"));
	EXPECT_EQ(health.institution_id, "ins_1");
	EXPECT_EQ(health.institution_name, "First Bank");
	EXPECT_EQ(time::format_timestamp(health.consent_expires_at.value()), "2026-06-01T00:00:00Z");
	EXPECT_EQ(time::format_timestamp(health.bank_updated_at.value()), "2026-03-10T08:00:00Z");
	EXPECT_FALSE(health.standing_error);
	EXPECT_EQ(health.error_code, "");
}

TEST(PlaidHealth, AbsentThingsStayAbsent) {
	for (const char *body : {R"({"item":{"item_id":"i"}})", R"({"item":{"item_id":"i","error":null},"status":null})",
	                         R"({"item":{"institution_id":null},"status":{"transactions":null}})"}) {
		const ConnectionHealth health = health_of(body);
		EXPECT_FALSE(health.consent_expires_at || health.bank_updated_at || health.standing_error);
		EXPECT_EQ(health.institution_id + health.institution_name, "");
	}
}

TEST(PlaidHealth, SeesAStandingError) {
	const auto error = [](const std::string &type, const std::string &code, const std::string &reason = "") {
		return health_of(item(R"(,"institution_name":"B","error":)" + plaid_error(type, code, "x", reason)));
	};
	EXPECT_EQ(error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED").standing_error, Reaction::reauth);
	EXPECT_EQ(error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED").error_code, "ITEM_LOGIN_REQUIRED");
	EXPECT_EQ(error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED").reauth_reason, "login");
	EXPECT_EQ(error("ITEM_ERROR", "ITEM_LOGIN_REQUIRED", "OAUTH_CONSENT_EXPIRED").reauth_reason, "consent_expired");
	EXPECT_EQ(error("ITEM_ERROR", "USER_PERMISSION_REVOKED").standing_error, Reaction::revoked);
	EXPECT_EQ(error("INSTITUTION_ERROR", "INSTITUTION_DOWN").standing_error, Reaction::institution_down);
	EXPECT_EQ(error("ITEM_ERROR", "SOMETHING_NEW").standing_error, Reaction::reauth);
}

TEST(PlaidHealth, IsOneCall) {
	PlaidSession plaid;
	plaid.transport.answer("/item/get", item(R"(,"institution_id":"ins_3")"));
	const ConnectionHealth health = run_task(plaid.provider.health(plaid.session(), plaid.credentials()));
	EXPECT_EQ(health.institution_id, "ins_3");
	EXPECT_EQ(health.institution_name, "");
	EXPECT_EQ(plaid.transport.requests.size(), 1u);
}

TEST(PlaidHealth, NeedsAnItem) {
	EXPECT_EQ(caught([] { health_of(R"({"request_id":"r"})"); }).code(), ErrorCode::bad_reply);
}

} // namespace
} // namespace ob::providers::plaid
