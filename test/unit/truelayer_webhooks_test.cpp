// What TrueLayer's webhooks mean, what is kept of them, and where their keys come from.
#include <gtest/gtest.h>

#include <string>

#include "core/time.hpp"
#include "providers/truelayer/webhooks.hpp"
#include "unit/support/truelayer_session.hpp"
#include "json/document.hpp"

namespace ob::providers::truelayer {
namespace {

using test::caught;
using test::run_task;
using test::TrueLayerSession;

constexpr auto kKeySet = "/.well-known/jwks";

WebhookEvent read(const std::string &type, const std::string &more = {}) {
	return read_event(R"({"type": ")" + type +
	                  R"(", "event_id": "e-1", "event_timestamp": "2026-03-07T10:00:00Z", "resource_id": "r-1")" +
	                  more + "}");
}

TEST(TrueLayerEvents, EachTypeHasItsEffect) {
	const struct {
		const char *type;
		WebhookEffect effect;
	} rows[] = {
	    {"transaction.created", WebhookEffect::sync},
	    {"account.updated", WebhookEffect::sync},
	    {"balance.updated", WebhookEffect::sync},
	    {"consent.revoked", WebhookEffect::revoked},
	    {"error", WebhookEffect::none},
	    {"payment_executed", WebhookEffect::none},
	    {"Consent.Revoked", WebhookEffect::none},
	    {"not.yet.invented", WebhookEffect::none},
	};
	for (const auto &row : rows) {
		const WebhookEvent event = read(row.type);
		EXPECT_EQ(event.effect, row.effect) << row.type;
		EXPECT_EQ(event.type, row.type);
		EXPECT_EQ(event.message_id, "e-1");
		EXPECT_EQ(event.connection_id, "r-1");
		EXPECT_EQ(event.happened_at, time::parse_timestamp("2026-03-07T10:00:00Z"));
		EXPECT_EQ(event.health.standing_error.has_value(), row.effect == WebhookEffect::revoked);
	}
	EXPECT_EQ(read("consent.revoked").health.standing_error, Reaction::revoked);
}

TEST(TrueLayerEvents, OtherForms) {
	WebhookEvent event = read_event(R"({"event_type": "payment_settled", "event_id": "e", "event_schema_version": 1,
		"event_body": {"remitter": "his name"}})");
	EXPECT_EQ(event.type, "payment_settled");
	EXPECT_EQ(event.connection_id, "");
	EXPECT_FALSE(event.happened_at);
	EXPECT_EQ(event.payload_json.find("his name"), std::string::npos);

	event =
	    read_event(R"({"task_id": "t", "status": "Failed", "credentials_id": "c+/=", "results_uri": "https://h/x"})");
	EXPECT_EQ(event.type, "task/Failed");
	EXPECT_EQ(event.effect, WebhookEffect::none);
	EXPECT_EQ(event.message_id, "");
	EXPECT_EQ(event.connection_id, "c+/=");

	EXPECT_EQ(read("x", R"(, "event_type": "y")").type, "x");
	EXPECT_FALSE(read_event(R"({"type": "x", "event_timestamp": "soon"})").happened_at);
	EXPECT_EQ(read_event(R"({"type": "x", "event_timestamp": "2026-03-07T10:00:00.5"})").happened_at,
	          time::parse_timestamp("2026-03-07T10:00:00.5Z"));
}

TEST(TrueLayerEvents, OnlyPlainThingsAreKept) {
	const WebhookEvent event = read("balance.updated", R"(, "resource_type": "account", "resource_token": "tok-1",
		"results_uri": "https://h/tok-2", "metadata": {"iban": "GB29", "n": 12, "card": 4111111111111111, "status": "open"})");
	for (const char *secret : {"tok-1", "tok-2", "GB29", "4111"})
		EXPECT_EQ(event.payload_json.find(secret), std::string::npos) << secret;
	const json::Document kept = json::Document::parse(event.payload_json);
	EXPECT_EQ(kept.text("resource_id"), "r-1");
	EXPECT_EQ(kept.text("resource_type"), "account");
	EXPECT_EQ(kept.get("metadata").integer("n"), 12);
	EXPECT_EQ(kept.get("metadata").text("status"), "open");

	std::string many = R"(, "many": [0)";
	for (int i = 0; i < 20'000; ++i)
		many += ",10";
	const json::Document cut = json::Document::parse(read("account.updated", many + "]").payload_json);
	EXPECT_EQ(cut.boolean("cut"), true);
	EXPECT_EQ(cut.text("event_id"), "e-1");
}

TEST(TrueLayerEvents, WhatIsNoneThrows) {
	const std::string many(201, 'x');
	for (const std::string &bad :
	     {std::string(), std::string("no JSON"), std::string("[]"), std::string("7"), std::string("{}"),
	      std::string(R"({"type": 7})"), std::string(R"({"task_id": "t"})"),
	      std::string(R"({"type": "a", "type": "a"})"), R"({"type": ")" + many + "\"}",
	      R"({"type": "a", "event_id": ")" + many + "\"}", R"({"type": "a", "resource_id": ")" + many + "\"}"})
		EXPECT_EQ(caught([&] { (void)read_event(bad); }).code(), ErrorCode::bad_reply) << bad;
}

// ---- keys ----

TEST(TrueLayerEvents, AKeyOfTheSet) {
	const auto find = [](const std::string &keys) {
		return key_of_set(json::Document::parse(R"({"keys": [)" + keys + "]}"), "k");
	};
	const std::string key = R"({"kid":"k","kty":"EC","x":"a"})";
	EXPECT_EQ(find(R"({"kty":"RSA","kid":"k"},)" + key + R"(,{"kty":"EC","kid":"l"})"), key);
	EXPECT_FALSE(find(""));
	EXPECT_FALSE(find(R"({"kty":"RSA","kid":"k"}, 7, null)"));
	EXPECT_FALSE(find(key + "," + key)) << "which one counts?";
}

std::optional<std::string> fetch(TrueLayerSession &bank) {
	return run_task(TrueLayerWebhooks().key(bank.session(), "k"));
}

TEST(TrueLayerEvents, KeysAreFetchedFromOnePlace) {
	TrueLayerSession bank;
	bank.user_ip = "192.0.2.1";
	const std::string set = R"({"keys":[{"kid":"k","kty":"EC"}]})";
	bank.transport.answer(kKeySet, set).answer(kKeySet, set).answer(kKeySet, R"({"keys":[]})");
	EXPECT_TRUE(fetch(bank));
	bank.option("environment", "production");
	EXPECT_TRUE(fetch(bank));
	bank.option("webhook_jku", "http://127.0.0.1:9/keys/");
	EXPECT_FALSE(fetch(bank));
	const auto &requests = bank.transport.requests;
	EXPECT_EQ(requests.at(0).url, "https://webhooks.truelayer-sandbox.com/.well-known/jwks");
	EXPECT_EQ(requests.at(1).url, "https://webhooks.truelayer.com/.well-known/jwks");
	EXPECT_EQ(requests.at(2).url, "http://127.0.0.1:9/keys/");
	for (const auto &request : requests) {
		EXPECT_EQ(request.method, "GET");
		EXPECT_EQ(request.header("Authorization"), "");
		EXPECT_EQ(request.header("X-PSU-IP"), "");
		EXPECT_EQ(request.body, "");
	}
}

TEST(TrueLayerEvents, AHostThatFailsSaysNothingAboutAKey) {
	TrueLayerSession bank;
	bank.transport.answer(kKeySet, R"({"key":[]})");
	EXPECT_EQ(caught([&] { (void)fetch(bank); }).code(), ErrorCode::bad_reply);
	bank.transport.answer(kKeySet, 404, "gone");
	EXPECT_NE(caught([&] { (void)fetch(bank); }).code(), ErrorCode::internal);
	EXPECT_EQ(bank.transport.requests.size(), 2u) << "asked once each";
}

TEST(TrueLayerEvents, WhatIsFixedByTheServer) {
	const TrueLayerWebhooks source;
	EXPECT_EQ(source.signature_header(), "Tl-Signature");
	EXPECT_EQ(source.key_refresh(), std::chrono::hours(1));
	TrueLayerSession bank;
	EXPECT_EQ(bank.server->option("webhook_scheme"), "tl_signature");
	EXPECT_EQ(source.key_set_url(*bank.server), "https://webhooks.truelayer-sandbox.com/.well-known/jwks");
}

} // namespace
} // namespace ob::providers::truelayer
