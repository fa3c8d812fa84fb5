// Whether a webhook is what it claims to be, for the functions that take one. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "providers/webhook_source.hpp"

namespace ob::pg::sqlapi {

/// As the receiver hands it over. The body is not copied: it lives as long as the call.
struct WebhookArguments {
	std::string server;
	std::string headers_json;
	std::string body;
	std::string method;
	std::string path;
	Timestamp received_at;
	std::string remote_addr; // may be empty
};

/// Throws not_found, not_allowed and invalid_argument for what is the caller's doing.
WebhookArguments webhook_arguments(FunctionCallInfo fcinfo, bool has_address);

struct WebhookVerdict {
	enum class Kind { verified, rejected, unavailable };
	Kind kind = Kind::rejected;
	std::string_view reason;            // of webhook/reasons.hpp; empty if it is verified
	providers::WebhookEvent event;      // if it is
	std::optional<Timestamp> signed_at; // or when the event has happened, if it says so
	int http_status = 0;
	int http_unavailable = 0; // what it were if nothing could be told, or stored
};

/// Never throws for what a stranger sent, nor for a key, a host or an option that is missing. `with_payload`: the event
/// is to be kept.
WebhookVerdict judge_webhook(const WebhookArguments &arguments, bool with_payload);

} // namespace ob::pg::sqlapi
