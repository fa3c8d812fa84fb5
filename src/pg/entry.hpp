// The door in: every function the server calls does nothing but entry(...), which turns exceptions into server errors
// after all C++ objects are gone.
#pragma once

#include "pg/postgres.hpp"

#include <exception>
#include <new>

#include "core/error.hpp"
#include "pg/guard.hpp"
#include "pg/undone.hpp"

namespace ob::pg {

/// A failure as plain data, so that raising it jumps over nothing. Longer texts are cut.
struct Failure {
	enum class Kind { interrupted, server, ours } kind = Kind::ours;
	HeldError *server = nullptr; // one hold, which raise() takes over
	int sqlstate = 0;
	char message[512];
	char detail[1024];
	char hint[1024];

	void set(const ServerError &error) noexcept;
	void set(const Error &error) noexcept;
	void set(ErrorCode code, const char *text) noexcept;
};

/// Raises `failure` as a server error. Server regime.
[[noreturn]] void raise(const Failure &failure);

/// Runs `body` in the C++ regime on behalf of the server. `body` captures plain data only. The catch blocks only copy:
/// raising inside one would leak the exception and corrupt later rethrows.
template <class Body>
auto entry(Body &&body) -> decltype(body()) {
	Failure failure;
	try {
		return body();
	} catch (const ServerError &error) {
		failure.set(error);
	} catch (const Interrupted &) {
		failure.kind = Failure::Kind::interrupted;
	} catch (const UndoneError &error) {
		failure.set(error.cause());
	} catch (const Error &error) {
		failure.set(error);
	} catch (const std::bad_alloc &) {
		failure.set(ErrorCode::out_of_memory, "out of memory");
	} catch (const std::exception &error) {
		failure.set(ErrorCode::internal, error.what());
	} catch (...) {
		failure.set(ErrorCode::internal, "unknown exception");
	}
	raise(failure);
}

} // namespace ob::pg

/// Defines the SQL-callable C function `name`: declares it with default visibility (before PG_FUNCTION_INFO_V1, which
/// would otherwise hide it) and opens the body of its C++ half.
#define OB_FUNCTION(name)                                                                                              \
	extern "C" {                                                                                                       \
	__attribute__((visibility("default"))) Datum name(PG_FUNCTION_ARGS);                                               \
	__attribute__((visibility("default"))) extern const Pg_finfo_record *pg_finfo_##name(void);                        \
	PG_FUNCTION_INFO_V1(name);                                                                                         \
	}                                                                                                                  \
	static Datum name##_body(FunctionCallInfo fcinfo);                                                                 \
	extern "C" Datum name(PG_FUNCTION_ARGS) {                                                                          \
		return ob::pg::entry([&] { return name##_body(fcinfo); });                                                     \
	}                                                                                                                  \
	static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
