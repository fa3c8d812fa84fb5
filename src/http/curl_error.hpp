// Internal to http/: what a failed transfer is called. C++ regime.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "http/curl_transport.hpp"

#include "core/pure.hpp"

namespace ob::http {

/// Why one of our callbacks stopped a transfer.
enum class Stop {
	none,
	body_too_large,
	header_too_large,
	out_of_memory,
	would_resend,          // libcurl was about to send the request a second time
	connection_was_closed, // the kept connection was found closed before anything was sent
	cannot_wait,           // the reactor refused a socket or timer
};

enum class Phase { resolving, connecting, tls, waiting, reading };

/// The facts of a failure, none of them secret.
struct Outcome {
	std::string_view endpoint;
	std::string_view host;
	int code = 0; // CURLcode
	Stop stop = Stop::none;
	bool all_addresses_refused = false;
	bool paused = false;
	Phase phase = Phase::resolving;
	std::chrono::microseconds took[5]{}; // by phase, as far as it came
	std::chrono::microseconds elapsed{};
	bool answer_begun = false;
	std::string_view curl_text; // of libcurl; may quote names in certificates, nothing of the request
	Limits limits;
};

/// "endpoint: …, host: …" and more facts, if any.
std::string where(std::string_view endpoint, std::string_view host, std::string_view more = {});

Error describe(const Outcome &outcome);

} // namespace ob::http

#include "core/pure.hpp"
