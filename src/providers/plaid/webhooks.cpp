// C++ regime.
#include "providers/plaid/webhooks.hpp"

#include <utility>

#include "providers/plaid/client.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr const char *kKeyEndpoint = "/webhook_verification_key/get";

/// Whether the answer is about the id and not about us.
bool knows_no_such_key(const ProviderError &error) {
	return error.provider_code() == "INVALID_WEBHOOK_VERIFICATION_KEY_ID" || error.provider_code() == "INVALID_FIELD";
}

} // namespace

Task<std::optional<std::string>> PlaidWebhooks::key(Session session, std::string key_id) const {
	json::Object body;
	body.set("key_id", key_id);
	Call call;
	call.endpoint = kKeyEndpoint;
	call.body = body.dump();
	call.repeat = Repeat::never;
	bool unknown = false;
	std::string key;
	try {
		json::Document answer = co_await ask(std::move(session), std::move(call));
		if (!answer.get("key").is_object())
			bad_answer(kKeyEndpoint, "key is missing", answer.text("request_id"));
		key = answer.get("key").canonical_dump();
	} catch (const ProviderError &error) {
		if (!knows_no_such_key(error))
			throw;
		unknown = true;
	}
	if (unknown)
		co_return std::nullopt;
	co_return std::move(key);
}

WebhookEvent PlaidWebhooks::read(std::string_view body, bool with_payload) const {
	return read_event(body, with_payload);
}

Task<void> PlaidWebhooks::set_url(Session session, Credentials credentials, std::string url) const {
	json::Object body = body_with_token(credentials);
	body.set("webhook", url);
	Call call;
	call.endpoint = "/item/webhook/update";
	call.body = body.dump();
	json::Document answer = co_await ask(std::move(session), std::move(call));
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
