// What the simulator asks of a simulated provider. A new one is a folder with this interface and a line in
// registry.cpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"
#include "message.hpp"
#include "world.hpp"

namespace ob::sandbox {

/// Misbehaviour that only the provider's own code can play, asked for by a fault rule.
struct Directives {
	bool endless_pages = false;  ///< more pages for ever, each with a new cursor
	bool repeat_cursor = false;  ///< more pages announced, but the cursor stays the same
	bool mutation_error = false; ///< the data changed while paging
	bool change_total = false;   ///< the announced total is one more than a moment ago
	bool not_net = false;        ///< what came and changed or went is reported with all of that, not with its sum
};

/// What a request is about, as far as fault rules, counters and the log want to know. Holds no secret.
struct Summary {
	std::string item_id;     ///< empty if none
	std::string endpoint;    ///< the path with names in the place of ids, if it holds any; counted instead of the path
	std::string api_version; ///< as sent
	std::string detail;      ///< JSON object of harmless parameters, or empty
};

/// Thrown by control handlers: the caller of /_control made a mistake.
struct ControlError {
	std::string message;
};

class Provider {
public:
	Provider() = default;
	Provider(const Provider &) = delete;
	Provider &operator=(const Provider &) = delete;
	virtual ~Provider() = default;

	/// First segment of its paths, without slashes.
	[[nodiscard]] virtual std::string_view name() const = 0;
	/// What a request is about. Never throws, whatever the request holds.
	[[nodiscard]] virtual Summary describe(const Request &request) = 0;
	/// Answers a request to a path below /name. Never throws.
	[[nodiscard]] virtual Response answer(const Request &request, const Directives &directives) = 0;
	/// The provider's own form of the error with that code.
	[[nodiscard]] virtual Response error(std::string_view code, std::string_view message) = 0;
	/// Runs /_control/name/`what`. Returns JSON. Throws ControlError.
	[[nodiscard]] virtual std::string control(std::string_view what, const std::string &body) = 0;
	/// The ledger as a JSON object; of one item, if `item_id` is not empty, and without transactions, if not wanted.
	[[nodiscard]] virtual std::string dump(const std::string &item_id, bool transactions) const = 0;
	/// The rows of the ledger as lines of text; every call of what is returned gives the next ones, nothing at the end.
	/// Throws ControlError, also from there.
	[[nodiscard]] virtual std::function<std::string()> rows(const std::string &body) = 0;
	/// The code that its rate limits are usually refused with.
	[[nodiscard]] virtual std::string_view rate_limit_code() const { return "RATE_LIMIT"; }
	/// Headers that prove a webhook to come from the provider, made at the clock's present time.
	[[nodiscard]] virtual HeaderList sign(const Webhook &webhook) = 0;
	/// How it repeats a webhook that was not received.
	[[nodiscard]] virtual RetryPlan retry_plan() { return {}; }
	/// Does what is due at the clock's present time; `everything`: settings have changed, look at all that is there.
	virtual void tick(bool everything) = 0;
	virtual void reset() = 0;
};

/// All providers, each bound to the world it lives in.
[[nodiscard]] std::vector<std::unique_ptr<Provider>> make_providers(World &world);

} // namespace ob::sandbox
