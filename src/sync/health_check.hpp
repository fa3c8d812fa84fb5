// What the provider says of the connection itself, asked beside a sync so that it costs no time. C++ regime.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "core/loop.hpp"
#include "core/model.hpp"
#include "core/task.hpp"
#include "providers/provider.hpp"
#include "sync/signal.hpp"

#include "core/pure.hpp"

namespace ob::sync {

struct Health {
	ConnectionHealth of_connection;
	std::string institution_logo; // only where the bank's name was asked for; may be empty
};

class HealthCheck {
public:
	/// With `needs_name` the bank is asked for, if the provider's word on the connection does not name it.
	HealthCheck(Loop &loop, const providers::Provider &provider, providers::Session session,
	            providers::Credentials credentials, bool needs_name);
	HealthCheck(const HealthCheck &) = delete;
	HealthCheck &operator=(const HealthCheck &) = delete;

	/// The answer; nothing if it could not be had, or takes longer than `patience` from now: a sync does not fail for
	/// want of it. Throws what is no Error.
	Task<std::optional<Health>> result(std::chrono::milliseconds patience);

private:
	Task<void> ask(const providers::Provider *provider, providers::Session session, providers::Credentials credentials,
	               bool needs_name);

	std::optional<Health> answer_;
	Signal ended_;
	TaskGroup task_; // last: its end is the call's
};

} // namespace ob::sync

#include "core/pure.hpp"
