// Webhooks on their way: a queue with retries, independent of how they are sent and signed.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "message.hpp"
#include "text.hpp"

namespace ob::sandbox {

/// One webhook and what has become of it.
struct Webhook {
	enum class State { waiting, sending, delivered, given_up, lost };

	std::uint64_t id = 0;
	std::string provider;
	std::string url;
	std::string body;  ///< the very bytes that are signed and sent
	std::string label; ///< type and code, for the list
	Time created;
	Time next_at;
	int attempts = 0;
	int last_status = 0; ///< 0: no answer
	State state = State::waiting;
};

/// How a provider repeats what was not received.
struct RetryPlan {
	std::chrono::seconds first{30};
	int factor = 4;
	std::chrono::hours limit{24};
	bool only_200 = true;       ///< false: any 2xx says that it was received
	bool loses_patience = true; ///< with an endpoint that rejects nearly all
};

class WebhookQueue {
public:
	/// Queues a webhook; nothing happens without a URL. Returns its id, 0 if it was lost on purpose or had no URL.
	std::uint64_t add(std::string_view provider, const std::optional<std::string> &url, std::string label,
	                  std::string body, Time now);
	/// The next one that is due, now marked as being sent. Nothing while the queue is held.
	[[nodiscard]] std::optional<Webhook> take(Time now);
	/// The provider of a webhook, empty if there is none of that id.
	[[nodiscard]] std::string provider_of(std::uint64_t id) const;
	/// Tells the outcome of an attempt.
	void sent(std::uint64_t id, int status, Time now, const RetryPlan &plan);

	/// While held, webhooks gather and none is sent.
	void hold(bool held) { held_ = held; }
	/// The next `count` webhooks get lost for good, as some do in life.
	void lose_next(int count) { lose_ = count; }
	/// The next `count` webhooks are sent twice.
	void repeat_next(int count) { repeat_ = count; }
	/// The last ones that wait come first.
	void reverse();
	void clear();
	[[nodiscard]] std::string list() const;

private:
	// Plaid: no retries to an endpoint that rejected more than 90 % of the last 24 hours' webhooks.
	[[nodiscard]] bool rejects_nearly_all(const std::string &url, Time now) const;

	static constexpr std::size_t kKept = 10'000;

	std::deque<Webhook> webhooks_;
	std::uint64_t next_id_ = 1;
	bool held_ = false;
	int lose_ = 0;
	int repeat_ = 0;
};

} // namespace ob::sandbox
