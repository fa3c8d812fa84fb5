// What an accepted webhook leaves to be done: journeys to be completed, events that came before their connection. C++
// regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ob::pg::worker {

/// Runs a body so that all of it is committed, or undone if it throws; it may handle a ServerError then.
using Unit = std::function<void(const std::function<void()> &)>;

struct WebhookCounts {
	std::int64_t processed = 0;
	std::int64_t waiting = 0;
	std::int64_t failed = 0;
};

/// Works off what is due on these servers, one event after the other, links last. If there are several of those, and
/// events are worked off by themselves at all, another worker is started to help.
WebhookCounts work_off_webhooks(const std::vector<std::string> &servers, const Unit &unit);

/// Lets one event have its effect, whatever has become of it before; its status then. Throws not_found, and
/// invalid_argument if it did not verify.
std::string process_webhook(std::int64_t event_id, const Unit &unit);

} // namespace ob::pg::worker
