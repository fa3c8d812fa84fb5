// Functions by which the tests of the border fail in every way there is. Only in test builds; the tests declare them.
// C++ regime behind OB_FUNCTION.

#ifdef OB_TEST_BUILD

#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
#include "executor/spi.h"
}

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "core/loop.hpp"
#include "pg/entry.hpp"
#include "pg/log.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/subxact.hpp"

namespace ob::pg::sqlapi {

namespace {

constexpr int kDepth = 5;
constexpr Size kMegabyte = 1024 * 1024;

// ---- objects that are counted ----

std::int64_t made = 0;
std::int64_t gone = 0;

struct Counted {
	Counted() { ++made; }
	Counted(const Counted &) { ++made; }
	Counted(Counted &&) noexcept { ++made; }
	~Counted() { ++gone; }
};

// ---- memory that runs out ----

/// Lets the process grow by `bytes` more, 0: without limit. Server or C++ regime.
void limit_growth(Size bytes) {
	rlimit limit;
	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = limit.rlim_max;
	if (bytes > 0) {
		std::size_t pages = 0;
		if (FILE *file = fopen("/proc/self/statm", "r")) {
			if (fscanf(file, "%zu", &pages) != 1)
				pages = 0;
			fclose(file);
		}
		limit.rlim_cur = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) + bytes;
	}
	setrlimit(RLIMIT_AS, &limit);
}

/// Raises an error that is too large to be copied: an error's context is asked for after its message was made and
/// before it leaves the server. Server regime.
void raise_uncopyable() {
	constexpr Size kSize = 64 * kMegabyte;
	char *text = static_cast<char *>(palloc(kSize));
	memset(text, 'x', kSize - 1);
	text[kSize - 1] = '\0';
	ErrorContextCallback context;
	context.callback = [](void *) { limit_growth(4 * kMegabyte); };
	context.arg = nullptr;
	context.previous = error_context_stack;
	error_context_stack = &context;
	ereport(ERROR, (errcode(ERRCODE_DIVISION_BY_ZERO), errmsg_internal("%s", text)));
}

// ---- a release that fails ----

bool release_fails = false;

void on_subtransaction(SubXactEvent event, SubTransactionId, SubTransactionId, void *) {
	if (event != SUBXACT_EVENT_PRE_COMMIT_SUB || !release_fails)
		return;
	release_fails = false;
	ereport(ERROR, (errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION), errmsg("the release failed")));
}

// ---- what a function can do ----

void execute(const std::string &sql) {
	guard([&] {
		SPI_connect();
		SPI_execute(sql.c_str(), false, 0);
		SPI_finish();
	});
}

[[noreturn]] void throw_error(const std::string &state, std::string message) {
	for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code)
		if (state == sqlstate(static_cast<ErrorCode>(code)))
			throw Error(static_cast<ErrorCode>(code), std::move(message), "the detail", "the hint");
	throw std::logic_error("no such code");
}

std::string repeated(const std::string &part, std::size_t size) {
	std::string text;
	while (text.size() < size)
		text += part;
	return text;
}

/// Asks a host for its front page.
Task<void> fetch(std::string url) {
	http::Request request;
	request.endpoint = url;
	request.url = std::move(url);
	(void)co_await Runtime::get().transport().send(std::move(request));
}

Task<void> act(std::string action, std::string argument) {
	if (action == "sql")
		execute(argument);
	else if (action == "error")
		throw_error(argument, "the message");
	else if (action == "long")
		throw_error("OB003", repeated(argument, 5000));
	else if (action == "exception")
		throw std::runtime_error(argument);
	else if (action == "unknown")
		throw 42;
	else if (action == "bad_alloc")
		(void)std::vector<char>(std::stoul(argument));
	else if (action == "palloc")
		guard([&] { MemoryContextAllocHuge(CurrentMemoryContext, kMegabyte * 64); });
	else if (action == "uncopyable")
		guard([] { raise_uncopyable(); });
	else if (action == "sleep")
		co_await Sleep(std::chrono::milliseconds(std::stoi(argument)));
	else if (action == "fetch") {
		Task<void> task = fetch(std::move(argument));
		co_await task;
	} else if (action == "subtransaction")
		subtransaction([&] { execute(argument); });
	else
		throw std::logic_error("no such action");
}

/// Does it at the bottom of several awaits, with counted objects of every kind in every frame.
Task<int> deep(int depth, std::string action, std::string argument, [[maybe_unused]] Counted parameter) {
	const Counted local;
	const std::vector<Counted> many(3);
	if (depth > 1) {
		Counted passed;
		Task<int> next = deep(depth - 1, std::move(action), std::move(argument), std::move(passed));
		co_return 1 + co_await next;
	}
	Task<void> last = act(std::move(action), std::move(argument));
	co_await last;
	co_return 1;
}

/// Runs statements, the middle one in a subtransaction whose failure is survived. Returns how that one ended.
std::string survive(const std::string &before, const std::string &inside, const std::string &after) {
	const Counted local;
	std::exception_ptr failure;
	execute(before);
	try {
		subtransaction([&] {
			const Counted deeper;
			execute(inside);
		});
	} catch (const ServerError &) {
		failure = std::current_exception();
	}
	execute(after);
	if (!failure)
		return "done";
	const Error error = describe(failure);
	return error.detail() + ": " + error.message();
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

/// ob_test_run(action text, argument text) returns int4
OB_FUNCTION(ob_test_run) {
	return Int32GetDatum(run(deep(kDepth, required(text_argument(fcinfo, 0), "action"),
	                              required(text_argument(fcinfo, 1), "argument"), {})));
}

/// ob_test_survive(before text, inside text, after text) returns text
OB_FUNCTION(ob_test_survive) {
	return return_text(survive(required(text_argument(fcinfo, 0), "before"),
	                           required(text_argument(fcinfo, 1), "inside"),
	                           required(text_argument(fcinfo, 2), "after")));
}

/// ob_test_fail_release() returns void: the next subtransaction to end well does not.
OB_FUNCTION(ob_test_fail_release) {
	static bool registered = false;
	if (!registered)
		ob::pg::guard([] { RegisterSubXactCallback(on_subtransaction, nullptr); });
	registered = release_fails = true;
	PG_RETURN_VOID();
}

/// ob_test_limit(megabytes int4) returns void: memory that the process may still take; 0: any.
OB_FUNCTION(ob_test_limit) {
	limit_growth(static_cast<Size>(PG_GETARG_INT32(0)) * kMegabyte);
	PG_RETURN_VOID();
}

/// ob_test_made() and ob_test_gone() return int8: counted objects so far.
OB_FUNCTION(ob_test_made) {
	return Int64GetDatum(made);
}
OB_FUNCTION(ob_test_gone) {
	return Int64GetDatum(gone);
}

#endif
