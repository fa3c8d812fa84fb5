// C++ regime.
#include "sync/health_check.hpp"

#include <utility>

#include "core/pure.hpp"

namespace ob::sync {

HealthCheck::HealthCheck(Loop &loop, const providers::Provider &provider, providers::Session session,
                         providers::Credentials credentials, bool needs_name)
    : task_(loop) {
	task_.spawn(ask(&provider, std::move(session), std::move(credentials), needs_name));
}

Task<void> HealthCheck::ask(const providers::Provider *provider, providers::Session session,
                            providers::Credentials credentials, bool needs_name) {
	try {
		Task<ConnectionHealth> call = provider->health(session, std::move(credentials));
		Health health;
		health.of_connection = co_await call;
		answer_ = health;
		if (needs_name && health.of_connection.institution_name.empty() && !health.of_connection.institution_id.empty()) {
			Task<providers::Institution> naming =
			    provider->institution(std::move(session), health.of_connection.institution_id);
			const providers::Institution bank = co_await naming;
			answer_->of_connection.institution_name = bank.name;
			answer_->institution_logo = bank.logo;
		}
	} catch (const Error &) {
		// What is known already stays.
	}
	ended_.notify();
}

Task<std::optional<Health>> HealthCheck::result(std::chrono::milliseconds patience) {
	task_.reap();
	if (task_.running() > 0) {
		Signal::Wait wait(ended_, patience);
		co_await wait;
	}
	task_.reap();
	co_return answer_;
}

} // namespace ob::sync

#include "core/pure.hpp"
