// Plaid's webhooks (sections Webhooks and Webhook verification of its documentation). C++ regime.
#pragma once

#include "providers/webhook_source.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

class PlaidWebhooks final : public WebhookSource {
public:
	Task<std::optional<std::string>> key(Session session, std::string key_id) const override;
	WebhookEvent read(std::string_view body, bool with_payload) const override;
	Task<void> set_url(Session session, Credentials credentials, std::string url) const override;
};

/// What a body says, from the one table of codes. Throws bad_reply if it is no webhook of Plaid's.
WebhookEvent read_event(std::string_view body, bool with_payload = true);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
