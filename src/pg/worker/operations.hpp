// What the outcome worker does at a provider and how it records it. C++ regime; runs in the worker.
#pragma once

#include "pg/postgres.hpp"

#include <chrono>
#include <string>

#include "core/task.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/worker/message.hpp"

namespace ob::pg::worker {

/// Counts calls that must not be cut off: a provider may already have acted on them.
class InFlight {
public:
	class Call {
	public:
		explicit Call(InFlight &counter) : counter_(counter) { ++counter_.count_; }
		Call(const Call &) = delete;
		Call &operator=(const Call &) = delete;
		~Call() { --counter_.count_; }

	private:
		InFlight &counter_;
	};
	int count() const { return count_; }

private:
	int count_ = 0;
};

/// The result of an operation: what the caller is told, and the outcome that waits to be applied once the caller's
/// transaction has ended (0: none); until then this process holds that outcome's lock.
struct Done {
	std::string result_json;
	std::int64_t to_apply = 0;
};

/// Carries out one request. Throws Error; what was done at the provider is recorded by then.
Task<Done> operate(Request request, InFlight *in_flight);

/// Applies a recorded outcome to ob.connections and ends it. Throws ServerError, for example when a row is locked.
void apply(std::int64_t outcome);

/// Carries on outcomes whose worker died. Those that are alive are left alone.
Task<void> recover(std::vector<std::int64_t> outcomes, InFlight *in_flight);

} // namespace ob::pg::worker
