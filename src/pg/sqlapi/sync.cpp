// ob.sync and ob.sync_now: one connection. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "tcop/utility.h"
}

#include <chrono>
#include <functional>

#include "core/loop.hpp"
#include "pg/entry.hpp"
#include "pg/locks.hpp"
#include "pg/settings.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/sqlapi/ending.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/last_report.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/sync_store.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/token_keeper.hpp"
#include "sync/engine.hpp"
#include "sync/failure.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Connection;

/// Only a connection in good standing is read; the others need a person.
void check_state(const Connection &connection) {
	check_not_unwanted(connection);
	const std::string which = "connection " + std::to_string(connection.id);
	if (connection.state == "reauth_required")
		throw Error(ErrorCode::reauth_required, which + " needs the user to log in again",
		            "server: " + connection.server, "Begin with ob.relink; ob.connection_status says more.");
	if (connection.state == "revoked" || connection.state == "disconnected")
		throw Error(ErrorCode::not_configured, which + " is " + connection.state, "server: " + connection.server,
		            "Link the bank again.");
}

struct Order {
	bool full = false;
	std::string user_ip; // of who waits for it; may be empty
};

struct Prepared {
	SyncTarget target;
	sync::SyncContext context; // without what its caller adds
};

Prepared prepare(const Connection &connection, const Order &order, store::PgSyncStore *sync_store,
                 providers::CallStats *stats) {
	Prepared sync;
	sync.target = sync_store->load(connection);
	const store::LoadedServer server = store::load_server(connection.server, connection.mapping_role);
	sync.context.provider = server.provider;
	sync.context.session = worker::connection_session(server, connection, *stats);
	if (!order.user_ip.empty())
		sync.context.session.user_ip = order.user_ip;
	sync.context.credentials = store::load_credentials(connection);
	sync.context.store = sync_store;
	sync.context.clock = &Runtime::get().clock();
	return sync;
}

/// One sync under the lock. What keeps it from beginning is recorded like what ends it.
Task<SyncReport> sync_locked(Connection connection, store::PgSyncStore *sync_store, Order order,
                             std::function<void(const sync::Progress &)> progress) {
	check_calls_allowed();
	providers::CallStats stats;
	Prepared prepared;
	try {
		prepared = prepare(connection, order, sync_store, &stats);
	} catch (const Error &error) {
		sync::FailureContext context;
		context.now = Runtime::get().clock().now();
		sync_store->record_failure(connection.id, sync::decide_failure(error, context));
		throw;
	}
	prepared.context.progress = std::move(progress);
	co_return co_await sync::sync_connection(std::move(prepared.context), std::move(prepared.target), order.full);
}

SyncReport busy_report() {
	SyncReport report;
	report.status = SyncStatus::busy;
	return report;
}

/// Takes the connection's lock; a report if there is nothing left to do: the lock could not be had in time, or whoever
/// had it has just done what is asked for. Throws what he met if he failed.
Task<std::optional<SyncReport>> take_connection(ConnectionId id, LockScope scope, bool full, bool *locked) {
	Task<bool> recovered = worker::recover(id, {});
	(void)co_await recovered;
	const std::int64_t syncs_before = store::finished_syncs(id);
	Task<bool> locking = wait_for_lock(id, scope);
	*locked = co_await locking;
	if (!*locked)
		co_return busy_report();
	if (!full && store::finished_syncs(id) > syncs_before)
		co_return store::last_report(id);
	co_return std::nullopt;
}

// ---- ob.sync: in the caller's transaction ----

/// A failure is recorded through the worker, because raising it rolls this transaction back.
Task<SyncReport> sync_in_transaction(Connection connection, Order order) {
	bool locked = false;
	Task<std::optional<SyncReport>> taking =
	    take_connection(connection.id, LockScope::transaction, order.full, &locked);
	if (std::optional<SyncReport> told = co_await taking)
		co_return *told;
	connection = store::find_connection(connection.id);
	check_state(connection);

	// As it is recorded of syncs that commit: what counts is the database's clock, not what a test sets.
	const Timestamp begun = SystemClock().now();
	std::optional<SyncFailure> failure;
	store::PgSyncStore sync_store(store::Commit::by_caller,
	                              [&](ConnectionId, const SyncFailure &decided) { failure = decided; });
	std::exception_ptr error;
	SyncReport report;
	try {
		report = co_await sync_locked(connection, &sync_store, std::move(order), {});
	} catch (const Error &) {
		error = std::current_exception();
	}
	if (error && failure)
		co_await worker::record_failure(connection, *failure, begun);
	if (error)
		std::rethrow_exception(error);
	co_return report;
}

// ---- ob.sync_now: committing by itself ----

std::string title(const Connection &connection) {
	std::string name = "connection " + std::to_string(connection.id);
	if (!connection.institution_name.empty())
		name += " (" + connection.institution_name + ")";
	return name;
}

/// Says every few seconds how far a long loop has come.
class ProgressNotice {
public:
	explicit ProgressNotice(const Connection &connection) : title_(title(connection)) {}

	void operator()(const sync::Progress &progress) {
		const auto now = std::chrono::steady_clock::now();
		if (progress.pages == 1)
			begun_ = said_ = now;
		if (now - said_ < kPause)
			return;
		said_ = now;
		const double pace =
		    static_cast<double>(progress.transactions) / std::chrono::duration<double>(now - begun_).count();
		const std::string left = time_left(progress, pace);
		guard([&] {
			ereport(NOTICE, (errmsg("%s: " INT64_FORMAT " pages, " INT64_FORMAT " transactions so far, %.0f a second%s",
			                        title_.c_str(), progress.pages, progress.transactions, pace, left.c_str())));
		});
	}

private:
	static constexpr std::chrono::seconds kPause{3};

	/// ", about 2 min left", if that can be told.
	static std::string time_left(const sync::Progress &progress, double pace) {
		if (!progress.expected || *progress.expected < progress.transactions || pace <= 0)
			return {};
		const auto seconds =
		    static_cast<std::int64_t>(static_cast<double>(*progress.expected - progress.transactions) / pace) + 1;
		if (seconds < 90)
			return ", about " + std::to_string(seconds) + " s left";
		const std::int64_t minutes = (seconds + 30) / 60;
		return ", about " + (minutes < 90 ? std::to_string(minutes) + " min" : std::to_string((minutes + 30) / 60) + " h") +
		       " left";
	}

	std::string title_;
	std::chrono::steady_clock::time_point begun_;
	std::chrono::steady_clock::time_point said_;
};

Task<SyncReport> sync_committing(Connection connection, bool full, bool *locked) {
	Task<std::optional<SyncReport>> taking = take_connection(connection.id, LockScope::session, full, locked);
	if (std::optional<SyncReport> told = co_await taking)
		co_return *told;
	connection = store::find_connection(connection.id);
	check_state(connection);
	store::PgSyncStore sync_store(store::Commit::each_unit, nullptr);
	ProgressNotice progress(connection);
	Order order;
	order.full = full;
	Task<SyncReport> work = sync_locked(connection, &sync_store, std::move(order), std::move(progress));
	co_return co_await work;
}

/// The lock is let go here, not in the coroutine: a cancelled statement destroys that where it waits.
SyncReport sync_now(const Connection &connection, bool full) {
	bool locked = false;
	std::exception_ptr error;
	SyncReport report;
	try {
		report = store::run_committing(sync_committing(connection, full, &locked));
	} catch (...) {
		error = std::current_exception();
	}
	if (locked)
		unlock_session(LockClass::connection, connection.id);
	if (error)
		std::rethrow_exception(error);
	return report;
}

Fields report_row(const SyncReport &report) {
	const TransactionCounts &counts = report.transactions;
	return {field(store::status_name(report.status)),
	        field(counts.added),
	        field(counts.modified),
	        field(counts.removed),
	        field(counts.unchanged),
	        field(counts.quarantined),
	        field(report.accounts.total),
	        field(report.requests),
	        field(std::to_string(report.duration.count()) + " microseconds"),
	        field(report.retry_at)};
}

void notice(const Connection &connection, const SyncReport &report) {
	const TransactionCounts &counts = report.transactions;
	const std::string name = title(connection);
	const std::string status(store::status_name(report.status));
	guard([&] {
		ereport(NOTICE,
		        (errmsg("%s: %s, " INT64_FORMAT " added, " INT64_FORMAT " modified, " INT64_FORMAT
		                " removed, " INT64_FORMAT " unchanged",
		                name.c_str(), status.c_str(), counts.added, counts.modified, counts.removed, counts.unchanged),
		         counts.quarantined > 0
		             ? errdetail(INT64_FORMAT " rows could not be stored and are in ob.quarantine.", counts.quarantined)
		             : 0));
	});
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_sync) {
	ob::pg::guard([] { PreventCommandIfReadOnly("ob.sync()"); });
	auto connection = ob::pg::store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"));
	Order order;
	order.full = boolean_argument(fcinfo, 1).value_or(false);
	order.user_ip = ob::pg::settings::address(output_argument(fcinfo, 2).value_or(""));
	return return_row(fcinfo, report_row(run(sync_in_transaction(std::move(connection), std::move(order)))));
}

OB_FUNCTION(ob_sync_now) {
	ob::pg::store::in_procedure(fcinfo, "ob.sync_now", [&] {
		auto connection =
		    ob::pg::store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"));
		const bool full = boolean_argument(fcinfo, 1).value_or(false);
		notice(connection, sync_now(connection, full));
	});
	return 0;
}
