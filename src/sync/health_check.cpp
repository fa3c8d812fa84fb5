// C++ regime.
#include "sync/health_check.hpp"

#include <utility>

#include "core/pure.hpp"

namespace ob::sync {

HealthCheck::HealthCheck(Loop &loop, const providers::Provider &provider, providers::Session session,
                         providers::Credentials credentials)
    : task_(loop) {
	task_.spawn(ask(&provider, std::move(session), std::move(credentials)));
}

Task<void> HealthCheck::ask(const providers::Provider *provider, providers::Session session,
                            providers::Credentials credentials) {
	try {
		Task<ConnectionHealth> call = provider->health(std::move(session), std::move(credentials));
		answer_ = co_await call;
	} catch (const Error &) {
		// What is known already stays.
	}
	ended_.notify();
}

Task<std::optional<ConnectionHealth>> HealthCheck::result(std::chrono::milliseconds patience) {
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
