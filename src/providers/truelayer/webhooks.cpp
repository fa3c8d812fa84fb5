// C++ regime.
#include "providers/truelayer/webhooks.hpp"

#include <utility>

#include "providers/truelayer/client.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

constexpr const char *kKeySetEndpoint = "/.well-known/jwks";

} // namespace

std::optional<std::string> key_of_set(const json::Document &set, std::string_view key_id) {
	std::optional<std::string> found;
	for (const json::Node key : set.get("keys").items()) {
		if (key.text("kid") != key_id || key.text("kty") != "EC")
			continue;
		if (found)
			return std::nullopt;
		found = key.canonical_dump();
	}
	return found;
}

/// The same one in both schemes: which of them holds is the server's to say.
std::string_view TrueLayerWebhooks::signature_header() const {
	return "Tl-Signature";
}

std::string TrueLayerWebhooks::key_set_url(const ServerConfig &server) const {
	return truelayer::key_set_url(server);
}

/// A key that is withdrawn is only missing in the set.
std::chrono::seconds TrueLayerWebhooks::key_refresh() const {
	return std::chrono::hours(1);
}

Task<std::optional<std::string>> TrueLayerWebhooks::key(Session session, std::string key_id) const {
	Call call;
	call.host = Host::keys;
	call.proof = Proof::nothing;
	call.repeat = Repeat::never;
	call.endpoint = kKeySetEndpoint;
	Task<json::Document> asked = ask(std::move(session), {}, std::move(call));
	json::Document set = co_await asked;
	if (!set.get("keys").is_array())
		bad_answer(kKeySetEndpoint, "keys is missing");
	co_return key_of_set(set, key_id);
}

WebhookEvent TrueLayerWebhooks::read(std::string_view body, bool with_payload) const {
	return read_event(body, with_payload);
}

std::string_view TrueLayerWebhooks::url_is_set_in() const {
	return "TrueLayer's console";
}

Task<void> TrueLayerWebhooks::set_url(Session, Credentials, std::string) const {
	throw Error(ErrorCode::unsupported, "TrueLayer has no call that says where webhooks go");
	co_return;
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
