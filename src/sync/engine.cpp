// C++ regime.
#include "sync/engine.hpp"

#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "sync/connection_sync.hpp"
#include "sync/window_sync.hpp"

#include "core/pure.hpp"

namespace ob::sync {

namespace {

/// Not every provider tells what has changed.
std::unique_ptr<SyncRun> make_run(SyncContext context, SyncTarget target) {
	if (const auto *provider = dynamic_cast<const providers::WindowProvider *>(context.provider))
		return std::make_unique<WindowSync>(std::move(context), std::move(target), *provider);
	return std::make_unique<ConnectionSync>(std::move(context), std::move(target));
}

} // namespace

Task<SyncReport> sync_connection(SyncContext context, SyncTarget target, bool full) {
	FailureContext failure_context;
	failure_context.attempts = target.sync.attempts;
	failure_context.random = context.random;
	const Clock *clock = context.clock;
	const ConnectionId id = target.id;
	SyncStore *store = context.store;

	const std::unique_ptr<SyncRun> sync = make_run(std::move(context), std::move(target));
	std::exception_ptr error;
	std::optional<Timestamp> deferred;
	std::optional<SyncFailure> failure;
	try {
		co_await sync->run(full);
		co_return sync->report();
	} catch (const Error &caught) {
		error = std::current_exception();
		failure_context.now = clock->now();
		deferred = deferred_until(caught, failure_context);
		if (!deferred)
			failure = decide_failure(caught, failure_context);
	}
	if (deferred) {
		sync->defer(*deferred);
		co_return sync->report();
	}
	try {
		store->record_failure(id, *failure);
	} catch (const Error &) {
		// What went wrong first is what the caller has to know.
	}
	std::rethrow_exception(error);
}

} // namespace ob::sync

#include "core/pure.hpp"
