// How often a provider lets its calls be made, and the server option `limits` that says otherwise. C++ regime.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/call_window.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// Calls in a period; 0: no limit.
struct PublishedLimit {
	std::int64_t per_connection = 0;
	std::int64_t per_client = 0;
};

/// Calls that are limited together, with what the provider has published.
struct CallClass {
	std::string_view name;
	PublishedLimit production;
	PublishedLimit sandbox;
	bool in_each_sync = false; // a sync makes one at least, or nearly every one does
	std::chrono::seconds period{60};
};

/// The limits that hold for one class of one server.
struct ClassLimits {
	std::optional<CallLimit> per_connection;
	std::optional<CallLimit> per_client;
	bool in_each_sync = false;
};

using ServerLimits = std::map<std::string, ClassLimits, std::less<>>;

/// What `option` says: "off"; or class=N, class=N/M, separated by commas, for a connection and for all of the server's
/// calls together, each a number or "off"; what it does not name is as published. Throws invalid_argument, naming the
/// nearest class.
ServerLimits read_limits(std::span<const CallClass> classes, std::string_view environment, std::string_view option);

} // namespace ob::providers

#include "core/pure.hpp"
