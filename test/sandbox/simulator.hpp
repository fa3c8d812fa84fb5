// The simulator as a library: one call from request to answer.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "faults.hpp"
#include "message.hpp"
#include "provider.hpp"
#include "request_log.hpp"
#include "world.hpp"

namespace ob::sandbox {

/// A webhook ready to be posted.
struct OutgoingWebhook {
	std::uint64_t id = 0;
	std::string url;
	std::string body;
	HeaderList headers;
};

class Simulator {
public:
	/// The same seed gives the same ids for the same requests.
	explicit Simulator(std::uint64_t seed);

	/// Answers a request to a provider (/plaid/…) or to the controls (/_control/…). May be called from any thread; does
	/// not sleep: waits and spoiled bytes are described in the answer's Delivery.
	[[nodiscard]] Response handle(const Request &request);

	/// Does what is due by the clock; to be called a few times a second.
	void tick();

	/// The next webhook that is due, signed as of now; who takes it must report with webhook_sent().
	[[nodiscard]] std::optional<OutgoingWebhook> next_webhook();
	/// `status` of the receiver's answer, 0 if there was none.
	void webhook_sent(std::uint64_t id, int status);

	/// True if this new connection is to be held without a byte, before any TLS handshake.
	[[nodiscard]] bool stalls_connection();

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
	std::atomic<int> connections_to_stall_{0};
	std::vector<std::unique_ptr<Provider>> providers_;
};

} // namespace ob::sandbox
