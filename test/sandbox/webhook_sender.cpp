#include "webhook_sender.hpp"

#include <chrono>

#include "httplib_wrap.hpp"

namespace ob::sandbox {

namespace {

constexpr int kThreads = 4; // one receiver that stalls must not hold up the others
constexpr std::chrono::milliseconds kPause{50};
constexpr std::chrono::seconds kAnswerLimit{10};

bool is_loopback(const std::string &host) {
	return host == "localhost" || host == "::1" || host.starts_with("127.");
}

struct Target {
	std::string host;
	int port = 80;
	std::string path = "/";
};

std::optional<Target> target_of(const std::string &url) {
	static constexpr std::string_view kScheme = "http://";
	if (!url.starts_with(kScheme)) {
		return std::nullopt;
	}
	const std::string rest = url.substr(kScheme.size());
	const std::size_t slash = rest.find('/');
	const std::string authority = rest.substr(0, slash);
	const std::size_t colon = authority.rfind(':');
	Target out;
	out.host = authority.substr(0, colon);
	if (colon != std::string::npos) {
		out.port = std::atoi(authority.c_str() + colon + 1);
	}
	if (slash != std::string::npos) {
		out.path = rest.substr(slash);
	}
	return is_loopback(out.host) ? std::optional(out) : std::nullopt;
}

int post(const OutgoingWebhook &webhook) {
	const auto target = target_of(webhook.url);
	if (!target) {
		return 0;
	}
	httplib::Client client(target->host, target->port);
	client.set_connection_timeout(kAnswerLimit);
	client.set_read_timeout(kAnswerLimit);
	httplib::Headers headers(webhook.headers.begin(), webhook.headers.end());
	const httplib::Result result = client.Post(target->path, headers, webhook.body, "application/json");
	return result ? result->status : 0;
}

} // namespace

WebhookSender::WebhookSender(Simulator &simulator) : simulator_(simulator) {
	for (int n = 0; n < kThreads; ++n) {
		threads_.emplace_back([this] { work(); });
	}
}

WebhookSender::~WebhookSender() {
	stopping_ = true;
	for (std::thread &thread : threads_) {
		thread.join();
	}
}

void WebhookSender::work() {
	while (!stopping_) {
		if (const auto webhook = simulator_.next_webhook()) {
			simulator_.webhook_sent(webhook->id, post(*webhook));
		} else {
			std::this_thread::sleep_for(kPause);
		}
	}
}

} // namespace ob::sandbox
