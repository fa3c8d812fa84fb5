// Sends the queued webhooks over loopback.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "simulator.hpp"

namespace ob::sandbox {

class WebhookSender {
public:
	/// Starts threads that send what the simulator has ready. Only plain http to this machine is served: the simulator
	/// must never reach out to somebody else's endpoint; other URLs count as not answered.
	explicit WebhookSender(Simulator &simulator);
	WebhookSender(const WebhookSender &) = delete;
	WebhookSender &operator=(const WebhookSender &) = delete;
	~WebhookSender();

private:
	void work();

	Simulator &simulator_;
	std::atomic<bool> stopping_{false};
	std::vector<std::thread> threads_;
};

} // namespace ob::sandbox
