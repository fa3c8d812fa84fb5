// TrueLayer's webhooks (sections Configure webhooks and Webhook signatures of its documentation). C++ regime.
#pragma once

#include "providers/webhook_source.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

class TrueLayerWebhooks final : public WebhookSource {
public:
	std::string_view signature_header() const override;
	std::string key_set_url(const ServerConfig &server) const override;
	std::chrono::seconds key_refresh() const override;
	Task<std::optional<std::string>> key(Session session, std::string key_id) const override;
	WebhookEvent read(std::string_view body, bool with_payload) const override;
	std::string_view url_is_set_in() const override;
	Task<void> set_url(Session session, Credentials credentials, std::string url) const override;
};

/// What a body says, from the one table of types. Throws bad_reply if it is no webhook of TrueLayer's.
WebhookEvent read_event(std::string_view body, bool with_payload = true);

/// The elliptic key of that id in a key set, as JSON; nothing if there is none, or more than one.
std::optional<std::string> key_of_set(const json::Document &set, std::string_view key_id);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
