// One operation as the worker around it sees it. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <functional>

#include "core/error.hpp"

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

/// Outlives the operation.
struct Context {
	InFlight *in_flight;
	/// Tells the caller what there is to tell although the operation goes on.
	std::function<void(const Error &)> answer_early;
};

} // namespace ob::pg::worker
