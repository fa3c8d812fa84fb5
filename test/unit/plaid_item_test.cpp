#include <gtest/gtest.h>

#include <string>
#include <vector>

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

// ---- calls that cannot be taken back ----

/// How such a call may go wrong, and what may be said of it then.
struct Mishap {
	enum How { answered, failed, unsent };
	How how;
	int status;
	std::string body;
	ErrorCode failure;
	ErrorCode want;
};

const std::vector<Mishap> &mishaps() {
	using enum ErrorCode;
	using enum Mishap::How;
	static const std::vector<Mishap> all{
	    {failed, 0, "", unreachable, outcome_unknown},
	    {failed, 0, "", deadline, outcome_unknown},
	    {failed, 0, "", bad_reply, outcome_unknown},
	    {failed, 0, "", limit_exceeded, outcome_unknown},
	    {failed, 0, "", out_of_memory, outcome_unknown},
	    // Nothing left, so nothing happened.
	    {unsent, 0, "", unreachable, unreachable},
	    {unsent, 0, "", deadline, deadline},
	    {unsent, 0, "", address_refused, address_refused},
	    {answered, 502, "<html>", {}, outcome_unknown},
	    {answered, 403, "<html>", {}, outcome_unknown},
	    {answered, 500, plaid_error("API_ERROR", "INTERNAL_SERVER_ERROR"), {}, outcome_unknown},
	    {answered, 200, "{}", {}, outcome_unknown},
	    {answered, 200, "[]", {}, outcome_unknown},
	    {answered, 200, R"({"access_token":"a")", {}, outcome_unknown},
	    {answered, 200, R"({"access_token":"","new_access_token":"","item_id":"i"})", {}, outcome_unknown},
	    {answered, 200, R"({"access_token":"a","new_access_token":null,"item_id":null})", {}, outcome_unknown},
	    // Plaid itself said no.
	    {answered, 400, plaid_error("INVALID_INPUT", "INVALID_PUBLIC_TOKEN"), {}, refused},
	    {answered, 400, plaid_error("INVALID_INPUT", "INVALID_ACCESS_TOKEN"), {}, refused},
	    {answered, 400, plaid_error("ITEM_ERROR", "ITEM_NOT_FOUND"), {}, reauth_required},
	    {answered, 400, plaid_error("INVALID_INPUT", "INVALID_API_KEYS"), {}, credentials_refused},
	    {answered, 429, plaid_error("RATE_LIMIT_EXCEEDED", "RATE_LIMIT"), {}, rate_limited},
	};
	return all;
}

/// Every mishap, met by `call` at `endpoint`: one request, and an error that shows no token.
template <class F>
void expect_never_repeated(const char *endpoint, F &&call) {
	for (const Mishap &mishap : mishaps()) {
		PlaidSession plaid;
		if (mishap.how == Mishap::answered)
			plaid.transport.answer(endpoint, mishap.status, mishap.body);
		else if (mishap.how == Mishap::failed)
			plaid.transport.fail(endpoint, mishap.failure);
		else
			plaid.transport.fail_unsent(endpoint, mishap.failure);
		const Error error = caught([&] { call(plaid); });
		EXPECT_EQ(error.code(), mishap.want) << mishap.status << mishap.body << sqlstate(error.code());
		EXPECT_EQ(plaid.transport.requests.size(), 1u);
		const std::string shown = error.message() + error.detail() + error.hint();
		EXPECT_EQ(shown.find("-sandbox-"), std::string::npos) << shown;
	}
}

TEST(PlaidExchange, IsNeverRepeated) {
	expect_never_repeated("/item/public_token/exchange",
	                      [](PlaidSession &plaid) { run_task(plaid.provider.exchange(plaid.session(), grant())); });
}

TEST(PlaidExchange, NeedsTheServersCredentials) {
	PlaidSession plaid;
	plaid.server->credentials.clear();
	EXPECT_EQ(caught([&] { run_task(plaid.provider.exchange(plaid.session(), grant())); }).code(),
	          ErrorCode::missing_option);
	EXPECT_TRUE(plaid.transport.requests.empty());
}

// ---- /item/access_token/invalidate ----

TEST(PlaidRotation, YieldsTheNewToken) {
	PlaidSession plaid;
	plaid.transport.answer("/item/access_token/invalidate",
	                       R"({"new_access_token":"access-sandbox-2","request_id":"r"})");
	const Credentials fresh = run_task(plaid.provider.rotate(plaid.session(), plaid.credentials()));
	ASSERT_EQ(fresh.size(), 1u);
	EXPECT_EQ(fresh.at("access_token").reveal(), "access-sandbox-2");
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(), R"({"access_token":"access-sandbox-1"})");
}

TEST(PlaidRotation, IsNeverRepeated) {
	expect_never_repeated("/item/access_token/invalidate", [](PlaidSession &plaid) {
		run_task(plaid.provider.rotate(plaid.session(), plaid.credentials()));
	});
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

// ---- adopting an item ----

Adopted adopted(PlaidSession &plaid, const std::string &credentials) {
	plaid.transport.answer("/item/get", item(R"(,"error":null)"));
	return run_task(plaid.provider.adopt(plaid.session(), credentials));
}

TEST(PlaidAdoption, TakesOverWhatPlaidKnows) {
	PlaidSession plaid;
	const Adopted whole = adopted(plaid, R"({"access_token":"access-sandbox-7","cursor":"c+1/=","item_id":"i"})");
	EXPECT_EQ(whole.established.provider_connection_id, "i");
	EXPECT_EQ(whole.established.credentials.at("access_token").reveal(), "access-sandbox-7");
	EXPECT_EQ(whole.established.credentials.size(), 1u);
	EXPECT_EQ(whole.established.request_id, "r");
	EXPECT_EQ(whole.cursor, "c+1/=");
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(), R"({"access_token":"access-sandbox-7"})");
	for (const char *bare : {R"({"access_token":"access-sandbox-7"})",
	                         R"({"access_token":"access-sandbox-7","cursor":null,"item_id":null})"}) {
		EXPECT_EQ(adopted(plaid, bare).cursor, "");
		EXPECT_EQ(adopted(plaid, bare).established.provider_connection_id, "i");
	}
}

TEST(PlaidAdoption, RefusesAForeignItem) {
	PlaidSession plaid;
	const Error error = caught([&] { adopted(plaid, R"({"access_token":"access-sandbox-7","item_id":"I"})"); });
	EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
	EXPECT_EQ(error.message(), "the access token belongs to another item_id");
}

TEST(PlaidAdoption, ShowsNoToken) {
	const auto error = [](const std::string &credentials) {
		PlaidSession plaid;
		const Error result = caught([&] { run_task(plaid.provider.adopt(plaid.session(), credentials)); });
		EXPECT_TRUE(plaid.transport.requests.empty()) << credentials;
		EXPECT_EQ(result.code(), ErrorCode::invalid_argument) << credentials;
		const std::string shown = result.message() + result.detail() + result.hint();
		EXPECT_EQ(shown.find("sandbox"), std::string::npos) << shown;
		return result;
	};
	EXPECT_EQ(error(R"({"acess_token":"access-sandbox-7"})").hint(), "Perhaps you meant \"access_token\".");
	EXPECT_EQ(error(R"({"access-sandbox-7":"x"})").hint(), "Known are access_token, cursor, item_id.");
	EXPECT_EQ(error(R"({"access_token":"access-sandbox-7","curser":"x"})").hint(), "Perhaps you meant \"cursor\".");
	EXPECT_EQ(error("{}").message(), "the credentials have no access_token");
	error(R"({"access_token":""})");
	error(R"({"access_token":null})");
	error(R"({"access_token":["access-sandbox-7"]})");
	error(R"({"access_token":"access-sandbox-7","cursor":5})");
	error(R"("access-sandbox-7")");
	error(R"({"access_token":"access-sandbox-7")");
	error("");
}

TEST(PlaidAdoption, FailsAsTheCheckDoes) {
	PlaidSession plaid;
	const auto adopt = [&] {
		run_task(plaid.provider.adopt(plaid.session(), R"({"access_token":"access-sandbox-7"})"));
	};
	plaid.transport.answer("/item/get", 400, plaid_error("INVALID_INPUT", "INVALID_ACCESS_TOKEN"));
	const Error refused = caught(adopt);
	EXPECT_EQ(refused.code(), ErrorCode::refused);
	EXPECT_EQ((refused.message() + refused.detail() + refused.hint()).find("sandbox-7"), std::string::npos);
	plaid.transport.answer("/item/get", R"({"item":{"institution_id":"ins_1"},"request_id":"r"})");
	EXPECT_EQ(caught(adopt).code(), ErrorCode::bad_reply);
	plaid.transport.answer("/item/get", R"({"request_id":"r"})");
	EXPECT_EQ(caught(adopt).code(), ErrorCode::bad_reply);
}

} // namespace
} // namespace ob::providers::plaid
