// Webhooks of a provider: the keys they are signed with, and what a verified one means. C++ regime.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// What a webhook asks of us.
enum class WebhookEffect {
	none,            // kept, and that is all
	sync,            // there are new data: due now
	sync_first,      // as sync, if the first sync has not ended yet
	broken,          // the connection does not work: `health` says how
	repaired,        // it works again without our doing
	expiring,        // consent or login end at `expires_at`
	revoked,         // the user has withdrawn access
	account_revoked, // for one account
	new_accounts,    // the user may share more
	acknowledged,    // of something that we did
	link,            // something has come of a journey: the provider is to be asked what
};

struct WebhookEvent {
	std::string type; // in the provider's words, such as ITEM/ERROR
	WebhookEffect effect = WebhookEffect::none;
	std::string message_id;    // the provider's, the same in each delivery; may be empty
	std::string environment;   // may be empty
	std::string connection_id; // the provider's, or that of one of its accounts; may be empty
	Secret link_token;         // with WebhookEffect::link
	std::string account_id;    // with account_revoked
	/// In the provider's words, the same in each delivery, however late that is signed; may be absent.
	std::optional<Timestamp> happened_at;
	std::optional<Timestamp> expires_at;
	std::string reauth_reason; // with expiring
	ConnectionHealth health;   // with broken and revoked
	std::string payload_json;  // an object, without tokens, numbers and words that nobody knows
};

/// HTTP statuses by which the provider learns what has become of a delivery.
struct WebhookAnswers {
	int accepted = 200; // and duplicates: it is not to be sent again
	int rejected = 401;
	int malformed = 400;
	int unavailable = 503; // to be sent again
};

class WebhookSource {
public:
	virtual ~WebhookSource() = default;

	virtual WebhookAnswers answers() const { return {}; }
	/// That has the signature, whatever the scheme; empty: the scheme's own.
	virtual std::string_view signature_header() const { return {}; }
	/// The only one that a message may name.
	virtual std::string key_set_url(const ServerConfig &server) const {
		return std::string(server.option("webhook_jku"));
	}
	/// After so long a key is asked for again; until the answer comes, a day at most, it stays good.
	virtual std::chrono::seconds key_refresh() const { return std::chrono::hours(12); }
	/// The key of that id, as JSON; nothing if the provider knows none. Sent once, not repeated.
	virtual Task<std::optional<std::string>> key(Session session, std::string key_id) const = 0;
	/// Reads the body of a verified delivery, for who does not keep it without the payload. Throws bad_reply if it
	/// cannot be read.
	virtual WebhookEvent read(std::string_view body, bool with_payload) const = 0;
	/// Where webhooks go is said there and nowhere else; empty: by set_url().
	virtual std::string_view url_is_set_in() const { return {}; }
	/// From now on the connection's webhooks go to `url`. May be repeated.
	virtual Task<void> set_url(Session session, Credentials credentials, std::string url) const = 0;
};

/// Of the provider of that name, or nullptr if it sends none.
const WebhookSource *find_webhook_source(std::string_view provider);

} // namespace ob::providers

#include "core/pure.hpp"
