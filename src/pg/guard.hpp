// The door out: C++ calls the server only through guard(), which turns a server error into a C++ exception.
//
// The body holds server calls and trivially destructible locals only: a longjmp may leave it at any point. Guard a batch
// (a page of rows), not each datum.
#pragma once

#include "pg/postgres.hpp"

#include <csetjmp>
#include <exception>
#include <type_traits>

namespace ob::pg {

/// A server error on its way through C++ frames. It carries the whole ErrorData and must reach entry(), which raises it
/// unchanged; only subtransaction() may stop it, because nothing else undoes what the error left half done.
class ServerError : public std::exception {
public:
	explicit ServerError(ErrorData *data) noexcept : data_(data) {}
	const char *what() const noexcept override { return "server error"; }
	/// Null if there was no memory left to copy it.
	ErrorData *data() const noexcept { return data_; }

private:
	ErrorData *data_;
};

/// Frees an error that will not be raised any more.
void discard(const ServerError &error) noexcept;

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
