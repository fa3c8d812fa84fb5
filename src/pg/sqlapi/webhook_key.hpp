// The key that a webhook is checked with: from the cache, or from the provider. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "core/task.hpp"

namespace ob::pg::sqlapi {

struct WebhookKey {
	std::string jwk;         // empty: none, and the reason why
	std::string_view reason; // of webhook/reasons.hpp
	bool is_final = true;    // false: it may be had later
};

/// What an unchecked delivery shows of itself, looked at before the provider is asked for its key: anybody can make up
/// ids. Both must outlive the search.
struct WebhookClaimant {
	std::function<std::string_view()> flaw; // why it is refused whatever the key; empty if it is not
	std::function<std::string()> subject;   // as store::webhook_subject; empty: nothing that is known here
};

/// `refresh`: after so long there may be a newer word on a key. The provider is asked once, whoever and how many want
/// the key; for ids that nobody knows a few times a minute. On a standby nobody is asked. Takes less time than a
/// provider waits for the answer to a delivery. Throws what keeps the provider from being asked at all.
Task<WebhookKey> find_webhook_key(std::string server, std::string key_id, std::chrono::seconds refresh,
                                  WebhookClaimant claimant);

} // namespace ob::pg::sqlapi
