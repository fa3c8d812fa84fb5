// What all providers share: the simulator's clock, its source of ids, the credentials it accepts, its settings.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "text.hpp"
#include "webhooks.hpp"

namespace ob::sandbox {

/// The simulator's time: real time, shifted real time, or a time that stands still until it is moved.
class SimClock {
public:
	[[nodiscard]] Time now() const;
	/// Stands at `time` from now on if `frozen`, else runs on from there.
	void set(Time time, bool frozen);
	void advance(std::chrono::nanoseconds by);
	void reset();
	[[nodiscard]] bool frozen() const { return frozen_.has_value(); }

private:
	std::optional<Time> frozen_;
	std::chrono::nanoseconds shift_{0};
};

/// Random-looking names from a seed, so that a run can be repeated.
class Ids {
public:
	explicit Ids(std::uint64_t seed) : engine_(seed) {}
	/// Letters of both cases and digits.
	[[nodiscard]] std::string alphanumeric(std::size_t length);
	[[nodiscard]] std::string uuid();
	/// 0 … below-1
	[[nodiscard]] std::uint64_t number(std::uint64_t below) { return engine_() % below; }

private:
	std::mt19937_64 engine_;
};

struct Client {
	std::string client_id;
	std::string secret;
};

/// Settings changed over /_control/config; the defaults suit a demo: history is there at once.
struct Config {
	std::string environment = "sandbox"; ///< or "production": /sandbox/ endpoints are refused, link tokens work once
	std::chrono::milliseconds initial_delay{0};    ///< from linking to the first 30 days
	std::chrono::milliseconds historical_delay{0}; ///< from linking to the whole history
	int item_login_days = 30;                      ///< a sandbox login breaks after so many days; 0: never
	bool null_when_empty = false;                  ///< null instead of empty lists of transactions
	bool null_cursor = false;                      ///< null instead of "" while nothing is ready
	std::int64_t largest_page = 0;                 ///< changes on a page, however many are asked for; 0: as many
	std::chrono::milliseconds bank_latency{0};     ///< extra wait of the calls that go to the bank
	std::chrono::milliseconds latency{0};          ///< of every provider call
	std::map<std::string, std::chrono::milliseconds> latency_by_path; ///< instead of `latency`
	bool limits = false;                                              ///< rate limits on
	std::vector<std::string> redirect_uris;                           ///< allowed ones of Link; empty: all
};

class World {
public:
	explicit World(std::uint64_t seed);

	SimClock clock;
	Ids ids;
	Config config;
	WebhookQueue webhooks;
	std::vector<Client> clients;
	std::string base_url;   ///< scheme, host and port under which we were reached last
	std::string cursor_key; ///< secret that cursors are made with, so that none can be invented

	/// The client whose id and secret these are.
	[[nodiscard]] const Client *find_client(std::string_view client_id, std::string_view secret) const;
	/// Back to the start: default settings and credentials, real time. Ids go on, so that no token returns.
	void reset();
};

} // namespace ob::sandbox
