// The door out: C++ calls the server only through guard(), which turns a server error into a C++ exception.
//
// The body holds server calls and trivially destructible locals only: a longjmp may leave it at any point. Guard a
// batch (a page of rows), not each datum.
#pragma once

#include "pg/postgres.hpp"

#include <csetjmp>
#include <exception>
#include <type_traits>

namespace ob::pg {

/// A copied server error. It lives outside all transactions, in memory of its own that goes with its last holder.
struct HeldError {
	MemoryContext memory;
	ErrorData *data;
	int holders;
};

/// Lets go of an error; null is allowed. Frees memory and does nothing else with the server, so destructors may call
/// it.
void release(HeldError *held) noexcept;

/// A server error on its way through C++ frames. It carries the whole ErrorData and must reach entry(), which raises it
/// unchanged; only subtransaction() may stop it, because nothing else undoes what the error left half done.
class ServerError : public std::exception {
public:
	/// Takes over one hold; null if there was no memory left to copy the error.
	explicit ServerError(HeldError *held) noexcept : held_(held) {}
	ServerError(const ServerError &other) noexcept : held_(other.hold()) {}
	ServerError &operator=(const ServerError &) = delete;
	~ServerError() override { release(held_); }

	const char *what() const noexcept override { return "server error"; }
	/// Null if there was no memory left to copy it.
	const ErrorData *data() const noexcept { return held_ ? held_->data : nullptr; }
	/// One more hold on the error, for whoever outlives this exception.
	HeldError *hold() const noexcept {
		if (held_)
			++held_->holders;
		return held_;
	}

private:
	HeldError *held_;
};

namespace detail {

/// What a server error changes and the guard puts back.
class GuardScope {
public:
	GuardScope() noexcept
	    : exception_stack_(PG_exception_stack), context_stack_(error_context_stack), memory_(CurrentMemoryContext) {}
	GuardScope(const GuardScope &) = delete;
	GuardScope &operator=(const GuardScope &) = delete;
	~GuardScope() { restore(); }
	void restore() noexcept {
		PG_exception_stack = exception_stack_;
		error_context_stack = context_stack_;
	}
	MemoryContext memory() const noexcept { return memory_; }

private:
	sigjmp_buf *exception_stack_;
	ErrorContextCallback *context_stack_;
	MemoryContext memory_;
};

/// Copies the pending server error, clears it and throws it as ServerError.
[[noreturn]] void throw_pending(MemoryContext memory);

} // namespace detail

/// Runs `body` in the server regime. Throws ServerError if it raises.
template <class Body>
auto guard(Body &&body) -> std::invoke_result_t<Body &> {
	using Result = std::invoke_result_t<Body &>;
	static_assert(std::is_void_v<Result> || std::is_trivially_destructible_v<Result>,
	              "a jump must not cross an object with a destructor");
	detail::GuardScope scope;
	sigjmp_buf jump;
	if (sigsetjmp(jump, 0) == 0) {
		PG_exception_stack = &jump;
		return body();
	}
	scope.restore();
	detail::throw_pending(scope.memory());
}

} // namespace ob::pg
