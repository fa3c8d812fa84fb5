// The simulator as a library: one call from request to answer.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "faults.hpp"
#include "message.hpp"
#include "provider.hpp"
#include "request_log.hpp"
#include "world.hpp"

namespace ob::sandbox {

class Simulator {
public:
	/// The same seed gives the same ids for the same requests.
	explicit Simulator(std::uint64_t seed);

	/// Answers a request to a provider (/plaid/…) or to the controls (/_control/…). May be called from any thread; does
	/// not sleep: waits and spoiled bytes are described in the answer's Delivery.
	[[nodiscard]] Response handle(const Request &request);

	/// Does what is due by the clock; to be called a few times a second.
	void tick();

private:
	[[nodiscard]] Response answer_provider(Provider &provider, const Request &request);
	[[nodiscard]] Response answer_control(const Request &request);
	[[nodiscard]] std::string control(std::string_view what, const Request &request);
	[[nodiscard]] Provider *provider_of(std::string_view path);
	[[nodiscard]] std::chrono::milliseconds latency_of(const std::string &path) const;
	void run(const std::vector<std::pair<std::string, std::string>> &commands);

	std::mutex mutex_; // one for everything: work under it is copying text, waiting happens outside
	World world_;
	Faults faults_;
	RequestLog log_;
	std::vector<std::unique_ptr<Provider>> providers_;
};

} // namespace ob::sandbox
