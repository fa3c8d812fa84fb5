#include "simulator.hpp"

#include <algorithm>

namespace ob::sandbox {

Simulator::Simulator(std::uint64_t seed) : world_(seed), providers_(make_providers(world_)) {}

Response Simulator::handle(const Request &request) {
	const std::lock_guard lock(mutex_);
	world_.base_url = request.base_url;
	if (request.path == "/_control" || request.path.starts_with("/_control/")) {
		return answer_control(request);
	}
	if (Provider *provider = provider_of(request.path)) {
		return answer_provider(*provider, request);
	}
	Response out;
	out.status = 404;
	out.content_type = "text/plain";
	out.body = "no provider has this path; see /_control\n";
	return out;
}

void Simulator::tick() {
	const std::lock_guard lock(mutex_);
	for (const auto &provider : providers_) {
		provider->tick(false);
	}
}

std::optional<OutgoingWebhook> Simulator::next_webhook() {
	const std::lock_guard lock(mutex_);
	auto webhook = world_.webhooks.take(world_.clock.now());
	if (!webhook) {
		return std::nullopt;
	}
	Provider *provider = provider_of("/" + webhook->provider);
	HeaderList headers = provider == nullptr ? HeaderList{} : provider->sign(*webhook);
	return OutgoingWebhook{webhook->id, std::move(webhook->url), std::move(webhook->body), std::move(headers)};
}

void Simulator::webhook_sent(std::uint64_t id, int status) {
	const std::lock_guard lock(mutex_);
	Provider *provider = provider_of("/" + world_.webhooks.provider_of(id));
	world_.webhooks.sent(id, status, world_.clock.now(), provider == nullptr ? RetryPlan{} : provider->retry_plan());
}

bool Simulator::stalls_connection() {
	int left = connections_to_stall_;
	while (left > 0) {
		if (connections_to_stall_.compare_exchange_weak(left, left - 1)) {
			return true;
		}
	}
	return false;
}

Provider *Simulator::provider_of(std::string_view path) {
	path.remove_prefix(std::min<std::size_t>(1, path.size()));
	const std::string_view first = path.substr(0, path.find('/'));
	const auto found = std::find_if(providers_.begin(), providers_.end(),
	                                [first](const auto &provider) { return provider->name() == first; });
	return found == providers_.end() ? nullptr : found->get();
}

std::chrono::milliseconds Simulator::latency_of(const std::string &path) const {
	const auto found = world_.config.latency_by_path.find(path);
	return found == world_.config.latency_by_path.end() ? world_.config.latency : found->second;
}

Response Simulator::answer_provider(Provider &provider, const Request &request) {
	const Summary summary = provider.describe(request);
	const std::vector<Fault> faults = faults_.match(provider.name(), request.path, summary.item_id);
	Directives directives;
	collect(faults, directives);

	std::optional<Response> replaced;
	bool takes_effect = true;
	std::vector<const Fault *> spoilers;
	for (const Fault &fault : faults) {
		if (auto answer = replacement(fault, provider)) {
			replaced = replaced ? std::move(replaced) : std::move(answer);
		} else {
			spoilers.push_back(&fault);
		}
		takes_effect &= fault.takes_effect;
	}
	Response out;
	if (takes_effect) {
		out = provider.answer(request, directives);
	}
	if (replaced) {
		out = *std::move(replaced);
	}
	out.delivery.delay += latency_of(request.path);
	for (const Fault *fault : spoilers) {
		spoil(*fault, out);
	}
	const bool answered = !out.delivery.stall && out.delivery.cut != Delivery::Cut::before_answer;
	log_.add({0, world_.clock.now(), request.method, request.path, summary.item_id, summary.api_version, summary.detail,
	          summary.endpoint.empty() ? request.path : summary.endpoint, answered ? out.status : 0});
	for (const Fault &fault : faults) {
		run(fault.run);
	}
	return out;
}

void Simulator::run(const std::vector<std::pair<std::string, std::string>> &commands) {
	for (const auto &[path, body] : commands) {
		Request command;
		command.path = path;
		command.body = body;
		// A command that fails leaves its mark in the log: the rule was accepted long before.
		const Response answer = answer_control(command);
		if (answer.status != 200) {
			log_.add({0, world_.clock.now(), "RUN", path, "", "", ObjectText{}.raw("failed", answer.body).end(), path,
			          answer.status});
		}
	}
}

} // namespace ob::sandbox
