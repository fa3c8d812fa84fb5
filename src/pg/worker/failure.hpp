// An error between the handler that caught it and what is done about it: in a handler nothing may wait.
#pragma once

#include <exception>

#include "core/error.hpp"

namespace ob::pg::worker {

/// Keeps the error whole: a copy as Error would lose what a ProviderError says besides, and with it what it means.
class Failure {
public:
	/// In the handler of `error`.
	void take(const Error &error) noexcept {
		thrown_ = std::current_exception();
		error_ = &error; // lives as long as thrown_
	}
	explicit operator bool() const noexcept { return error_ != nullptr; }
	const Error &operator*() const noexcept { return *error_; }
	const Error *operator->() const noexcept { return error_; }
	[[noreturn]] void rethrow() const { std::rethrow_exception(thrown_); }

private:
	std::exception_ptr thrown_;
	const Error *error_ = nullptr;
};

} // namespace ob::pg::worker
