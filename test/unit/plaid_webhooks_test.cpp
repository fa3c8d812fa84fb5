// What Plaid's webhooks mean, and what is kept of them.
#include <gtest/gtest.h>

#include "core/time.hpp"
#include "providers/plaid/webhooks.hpp"
#include "unit/support/caught.hpp"
#include "json/document.hpp"

namespace ob::providers::plaid {
namespace {

WebhookEvent read(const char *type, const char *code, const std::string &more = {}) {
	return read_event(R"({"webhook_type": ")" + std::string(type) + R"(", "webhook_code": ")" + code +
	                  R"(", "item_id": "item-1", "environment": "sandbox")" + (more.empty() ? "" : ", " + more) + "}");
}

TEST(PlaidWebhooks, EachCodeHasItsEffect) {
	const struct {
		const char *type, *code;
		WebhookEffect effect;
	} rows[] = {
	    {"TRANSACTIONS", "SYNC_UPDATES_AVAILABLE", WebhookEffect::sync},
	    {"TRANSACTIONS", "INITIAL_UPDATE", WebhookEffect::sync_first},
	    {"TRANSACTIONS", "HISTORICAL_UPDATE", WebhookEffect::sync_first},
	    {"TRANSACTIONS", "DEFAULT_UPDATE", WebhookEffect::none},
	    {"TRANSACTIONS", "TRANSACTIONS_REMOVED", WebhookEffect::none},
	    {"TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE", WebhookEffect::none},
	    {"ITEM", "ERROR", WebhookEffect::broken},
	    {"ITEM", "LOGIN_REQUIRED", WebhookEffect::broken},
	    {"ITEM", "ITEM_LOGIN_REQUIRED", WebhookEffect::broken},
	    {"ITEM", "LOGIN_REPAIRED", WebhookEffect::repaired},
	    {"ITEM", "PENDING_EXPIRATION", WebhookEffect::expiring},
	    {"ITEM", "PENDING_DISCONNECT", WebhookEffect::expiring},
	    {"ITEM", "NEW_ACCOUNTS_AVAILABLE", WebhookEffect::new_accounts},
	    {"ITEM", "USER_PERMISSION_REVOKED", WebhookEffect::revoked},
	    {"ITEM", "USER_ACCOUNT_REVOKED", WebhookEffect::account_revoked},
	    {"ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED", WebhookEffect::acknowledged},
	    {"HOLDINGS", "DEFAULT_UPDATE", WebhookEffect::none},
	    {"ITEM", "NOT_YET_INVENTED", WebhookEffect::none},
	};
	for (const auto &row : rows) {
		const WebhookEvent event = read(row.type, row.code);
		EXPECT_EQ(event.effect, row.effect) << row.type << " " << row.code;
		EXPECT_EQ(event.type, std::string(row.type) + "/" + row.code);
		EXPECT_EQ(event.connection_id, "item-1");
	}
}

TEST(PlaidWebhooks, Errors) {
	WebhookEvent event = read("ITEM", "ERROR", R"("error": {"error_type": "ITEM_ERROR", "error_code": "INVALID_MFA"})");
	EXPECT_EQ(event.health.standing_error, Reaction::reauth);
	EXPECT_EQ(event.health.reauth_reason, "mfa");
	event = read("ITEM", "ERROR", R"("error": null)");
	EXPECT_EQ(event.health.error_code, "ITEM_LOGIN_REQUIRED");
	event = read("ITEM", "ERROR", R"("error": {"error_type": "INSTITUTION_ERROR", "error_code": "INSTITUTION_DOWN"})");
	EXPECT_EQ(event.health.standing_error, Reaction::institution_down);
	event = read("ITEM", "USER_PERMISSION_REVOKED");
	EXPECT_EQ(event.health.standing_error, Reaction::revoked);
}

TEST(PlaidWebhooks, Warnings) {
	WebhookEvent event = read("ITEM", "PENDING_EXPIRATION", R"("consent_expiration_time": "2031-02-03T04:05:06Z")");
	EXPECT_EQ(event.expires_at, time::parse_timestamp("2031-02-03T04:05:06Z"));
	EXPECT_EQ(event.reauth_reason, "consent_expired");
	event = read("ITEM", "PENDING_DISCONNECT",
	             R"("disconnect_time": "2031-02-03T04:05:06Z", "reason": "INSTITUTION_MIGRATION")");
	EXPECT_EQ(event.expires_at, time::parse_timestamp("2031-02-03T04:05:06Z"));
	EXPECT_EQ(event.reauth_reason, "pending_disconnect");
	EXPECT_FALSE(read("ITEM", "PENDING_DISCONNECT").expires_at);
}

TEST(PlaidWebhooks, Links) {
	WebhookEvent event = read("LINK", "SESSION_FINISHED",
	                          R"("link_token": "link-1", "status": "SUCCESS", "public_tokens": ["public-1"])");
	EXPECT_EQ(event.effect, WebhookEffect::link);
	EXPECT_EQ(event.link_token.reveal(), "link-1");
	EXPECT_EQ(
	    read("LINK", "SESSION_FINISHED", R"("link_token": "link-1", "status": "EXITED", "public_tokens": [])").effect,
	    WebhookEffect::none);
	EXPECT_EQ(read("LINK", "SESSION_FINISHED", R"("link_token": "link-1", "status": "EXITED", "public_tokens": ["p"])")
	              .effect,
	          WebhookEffect::link);
	EXPECT_EQ(read("LINK", "SESSION_FINISHED", R"("status": "SUCCESS")").effect, WebhookEffect::none);
	EXPECT_EQ(read("LINK", "ITEM_ADD_RESULT", R"("link_token": "link-1", "public_token": "public-1")").effect,
	          WebhookEffect::link);
}

TEST(PlaidWebhooks, OnlyPlainThingsAreKept) {
	const WebhookEvent event = read("LINK", "SESSION_FINISHED", R"("link_token": "link-1", "public_token": "public-1",
		"public_tokens": ["public-1"], "new_webhook_url": "https://user:pass@host/x", "error": {"error_code": "A_B",
		"error_message": "his name", "number": 4111111111111111}, "account": {"iban": "DE00", "mask": "1234", "open": true},
		"count": 12, "removed_transactions": ["t-1"], "amount": 1.5, "reason": ["not", {"name": "Zoe"}])");
	for (const char *secret : {"link-1", "public-1", "pass", "his name", "4111", "DE00", "1234", "Zoe", "1.5"})
		EXPECT_EQ(event.payload_json.find(secret), std::string::npos) << secret;
	const json::Document kept = json::Document::parse(event.payload_json);
	EXPECT_EQ(kept.get("error").text("error_code"), "A_B");
	EXPECT_EQ(kept.text("item_id"), "item-1");
	EXPECT_EQ(kept.integer("count"), 12);
	EXPECT_EQ(kept.get("account").boolean("open"), true);
	EXPECT_EQ(kept.get("removed_transactions").items().size(), 1u);
}

TEST(PlaidWebhooks, NotEvenUnderAPlainName) {
	const WebhookEvent event =
	    read("ITEM", "access-sandbox-1", R"("reason": "Dear Zoe", "status": "public-production-1",
		"request_id": "4111111111111111", "event_name": "Zo\u00eb", "9100200300": 1, "Zoe": true, "event_id": "a-1.b:2+3_c")");
	EXPECT_EQ(event.type, "ITEM/[not kept]");
	const json::Document kept = json::Document::parse(event.payload_json);
	for (const char *name : {"webhook_code", "reason", "status", "request_id", "event_name"})
		EXPECT_EQ(kept.text(name), "[not kept]") << name;
	EXPECT_EQ(kept.text("event_id"), "a-1.b:2+3_c");
	EXPECT_FALSE(kept.has("9100200300") || kept.has("Zoe"));
}

TEST(PlaidWebhooks, LargeOnesAreCut) {
	std::string many = R"("events": [)";
	for (int i = 0; i < 5000; ++i)
		many += std::string(i ? "," : "") + R"({"event_name": "OPEN"})";
	const WebhookEvent event = read("LINK", "EVENTS", many + "]");
	EXPECT_LT(event.payload_json.size(), 1000u);
	EXPECT_EQ(json::Document::parse(event.payload_json).boolean("cut"), true);
}

TEST(PlaidWebhooks, WhatIsNoneThrows) {
	for (const char *bad :
	     {"", "no JSON", "[]", "7", "{}", R"({"webhook_type": "ITEM"})", R"({"webhook_code": "ERROR"})",
	      R"({"webhook_type": 7, "webhook_code": "ERROR"})", R"({"webhook_type": "A", "webhook_type": "B"})"})
		EXPECT_EQ(test::caught([&] { (void)read_event(bad); }).code(), ErrorCode::bad_reply) << bad;
}

} // namespace
} // namespace ob::providers::plaid
