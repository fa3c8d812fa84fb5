// What the provider says of the connection itself, asked beside a sync so that it costs no time. C++ regime.
#pragma once

#include <chrono>
#include <optional>

#include "core/loop.hpp"
#include "core/model.hpp"
#include "core/task.hpp"
#include "providers/provider.hpp"
#include "sync/signal.hpp"

#include "core/pure.hpp"

namespace ob::sync {

class HealthCheck {
public:
	HealthCheck(Loop &loop, const providers::Provider &provider, providers::Session session,
	            providers::Credentials credentials);
	HealthCheck(const HealthCheck &) = delete;
	HealthCheck &operator=(const HealthCheck &) = delete;

	/// The answer; nothing if it could not be had, or takes longer than `patience` from now: a sync does not fail for
	/// want of it. Throws what is no Error.
	Task<std::optional<ConnectionHealth>> result(std::chrono::milliseconds patience);

private:
	Task<void> ask(const providers::Provider *provider, providers::Session session, providers::Credentials credentials);

	std::optional<ConnectionHealth> answer_;
	Signal ended_;
	TaskGroup task_; // last: its end is the call's
};

} // namespace ob::sync

#include "core/pure.hpp"
