#include "webhooks.hpp"

#include <algorithm>
#include <vector>

namespace ob::sandbox {

std::uint64_t WebhookQueue::add(std::string_view provider, const std::optional<std::string> &url, std::string label,
                                std::string body, Time now) {
	if (!url || url->empty()) {
		return 0;
	}
	Webhook webhook;
	webhook.id = next_id_++;
	webhook.provider = provider;
	webhook.url = *url;
	webhook.label = std::move(label);
	webhook.body = std::move(body);
	webhook.created = webhook.next_at = now;
	if (lose_ > 0) {
		--lose_;
		webhook.state = Webhook::State::lost;
	}
	webhooks_.push_back(webhook);
	if (repeat_ > 0 && webhook.state == Webhook::State::waiting) {
		--repeat_;
		webhook.id = next_id_++;
		webhooks_.push_back(webhook);
	}
	while (webhooks_.size() > kKept) {
		webhooks_.pop_front();
	}
	return webhook.state == Webhook::State::lost ? 0 : webhook.id;
}

std::optional<Webhook> WebhookQueue::take(Time now) {
	if (held_) {
		return std::nullopt;
	}
	const auto due = std::find_if(webhooks_.begin(), webhooks_.end(), [now](const Webhook &webhook) {
		return webhook.state == Webhook::State::waiting && webhook.next_at <= now;
	});
	if (due == webhooks_.end()) {
		return std::nullopt;
	}
	due->state = Webhook::State::sending;
	++due->attempts;
	return *due;
}

std::string WebhookQueue::provider_of(std::uint64_t id) const {
	const auto found =
	    std::find_if(webhooks_.begin(), webhooks_.end(), [id](const Webhook &webhook) { return webhook.id == id; });
	return found == webhooks_.end() ? std::string{} : found->provider;
}

void WebhookQueue::sent(std::uint64_t id, int status, Time now, const RetryPlan &plan) {
	const auto found =
	    std::find_if(webhooks_.begin(), webhooks_.end(), [id](const Webhook &webhook) { return webhook.id == id; });
	if (found == webhooks_.end()) {
		return;
	}
	found->last_status = status;
	if (status == 200 || (!plan.only_200 && status > 200 && status < 300)) {
		found->state = Webhook::State::delivered;
		return;
	}
	std::chrono::seconds pause = plan.first;
	for (int n = 1; n < found->attempts; ++n) {
		pause *= plan.factor;
	}
	found->next_at = now + pause;
	const bool late = found->next_at > found->created + plan.limit;
	const bool gives_up = late || (plan.loses_patience && rejects_nearly_all(found->url, now));
	found->state = gives_up ? Webhook::State::given_up : Webhook::State::waiting;
}

bool WebhookQueue::rejects_nearly_all(const std::string &url, Time now) const {
	static constexpr int kEnough = 10; // a handful of failures says nothing about an endpoint
	int tried = 0;
	int rejected = 0;
	for (const Webhook &webhook : webhooks_) {
		if (webhook.url == url && webhook.attempts > 0 && webhook.created > now - std::chrono::hours{24}) {
			++tried;
			rejected += webhook.state == Webhook::State::delivered ? 0 : 1;
		}
	}
	return tried >= kEnough && rejected * 10 > tried * 9;
}

void WebhookQueue::reverse() {
	std::reverse(webhooks_.begin(), webhooks_.end());
}

void WebhookQueue::clear() {
	webhooks_.clear();
	held_ = false;
	lose_ = repeat_ = 0;
}

std::string WebhookQueue::list() const {
	static constexpr std::string_view kStates[] = {"waiting", "sending", "delivered", "given_up", "lost"};
	std::vector<std::string> out;
	for (const Webhook &webhook : webhooks_) {
		out.push_back(ObjectText{}
		                  .number("id", static_cast<std::int64_t>(webhook.id))
		                  .string("provider", webhook.provider)
		                  .string("label", webhook.label)
		                  .string("state", kStates[static_cast<std::size_t>(webhook.state)])
		                  .string("url", webhook.url)
		                  .string("created", format_time(webhook.created, 6))
		                  .string("next_at", format_time(webhook.next_at, 6))
		                  .number("attempts", webhook.attempts)
		                  .number("last_status", webhook.last_status)
		                  .string("body", webhook.body)
		                  .end());
	}
	return json_array(out);
}

} // namespace ob::sandbox
