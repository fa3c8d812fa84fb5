// C++ regime.
#include "pg/fdw/failure.hpp"

extern "C" {
#include "access/xact.h"
}

#include <optional>
#include <utility>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "pg/runtime.hpp"
#include "pg/time.hpp"
#include "pg/worker/client.hpp"
#include "sync/failure.hpp"

namespace ob::pg::fdw {

namespace {

/// The provider's answer if it changes the connection's state. Others say nothing about the connection: a permanent
/// refusal may be due to the query's own conditions, which no scheduled sync would send.
std::optional<ProviderError> state_change(const std::exception_ptr &failure) {
	try {
		std::rethrow_exception(failure);
	} catch (const ProviderError &error) {
		if (error.reaction() == Reaction::reauth || error.reaction() == Reaction::revoked)
			return error;
	} catch (...) {
		// Not a provider's answer: nothing to say about the connection.
	}
	return std::nullopt;
}

} // namespace

void report_failure(const store::Connection &connection, const std::exception_ptr &failure) {
	const std::optional<ProviderError> answer = state_change(failure);
	if (!answer)
		return;
	Runtime &runtime = Runtime::get();
	sync::FailureContext context;
	context.now = runtime.clock().now();
	SyncFailure decided = sync::decide_failure(*answer, context);
	Loop loop(runtime.reactor(), runtime.waiter());
	loop.run(worker::record_failure(connection, std::move(decided), from_server(GetCurrentStatementStartTimestamp())));
}

} // namespace ob::pg::fdw
