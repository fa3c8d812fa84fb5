// ob.sync_due: everything that is due. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "utils/timestamp.h"
}

#include "pg/entry.hpp"
#include "pg/log.hpp"
#include "pg/settings.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/due_store.hpp"
#include "pg/store/servers.hpp"
#include "pg/worker/client.hpp"
#include "sync/due.hpp"

namespace ob::pg::sqlapi {

namespace {

/// Opens sessions with the user mapping of the role that linked the connection.
class Sessions final : public sync::SessionSource {
public:
	explicit Sessions(const store::PgDueStore &due) : due_(due) {}
	providers::Session open(const DueConnection &connection) override {
		const store::Connection &found = due_.connection(connection.target.id);
		return Runtime::get().session(store::load_server(found.server, found.mapping_role).config, stats_);
	}

private:
	const store::PgDueStore &due_;
	providers::CallStats stats_;
};

struct Arguments {
	sync::DueLimits limits;
	store::DueFilter filter;
};

std::int64_t positive(std::int64_t value, const char *name) {
	if (value < 1)
		throw Error(ErrorCode::invalid_argument, std::string("argument \"") + name + "\" must be positive");
	return value;
}

Arguments read_arguments(FunctionCallInfo fcinfo) {
	Arguments arguments;
	if (!PG_ARGISNULL(0))
		arguments.limits.max_connections = positive(PG_GETARG_INT32(0), "max_connections");
	arguments.limits.parallel = static_cast<std::size_t>(
		PG_ARGISNULL(1) ? settings::max_parallel() : positive(PG_GETARG_INT32(1), "parallel"));
	if (auto server = name_argument(fcinfo, 2)) {
		store::check_usage(*server);
		arguments.filter.servers = {*server};
	} else {
		arguments.filter.servers = store::usable_servers();
	}
	arguments.filter.user_ref = text_argument(fcinfo, 3);
	if (!PG_ARGISNULL(4)) {
		const Interval *interval = PG_GETARG_INTERVAL_P(4);
		const std::int64_t microseconds =
			interval->time + (interval->day + interval->month * std::int64_t{DAYS_PER_MONTH}) * USECS_PER_DAY;
		arguments.limits.max_duration = std::chrono::milliseconds(positive(microseconds / 1000, "max_duration"));
	}
	return arguments;
}

Task<sync::DueCounts> recover_and_sync(sync::DueContext context, sync::DueLimits limits) {
	std::exception_ptr failure;
	try {
		Task<bool> recovered = worker::recover(std::nullopt, {});
		(void)co_await recovered;
	} catch (const Error &) {
		failure = std::current_exception();
	}
	// What stays open is passed over; the other connections need not wait for it.
	if (failure)
		log_failure("recovery of outcomes", failure);
	co_return co_await sync::sync_due(std::move(context), limits);
}

void notice(const sync::DueCounts &counts) {
	guard([&] {
		ereport(NOTICE,
				(errmsg(INT64_FORMAT " connections: " INT64_FORMAT " complete, " INT64_FORMAT " waiting, " INT64_FORMAT
									 " deferred, " INT64_FORMAT " failed",
						counts.connections, counts.complete, counts.waiting, counts.deferred, counts.failed),
				 errdetail(INT64_FORMAT " added, " INT64_FORMAT " modified, " INT64_FORMAT " removed, " INT64_FORMAT
										" unchanged, " INT64_FORMAT " quarantined; " INT64_FORMAT " requests in %.3f s",
						   counts.transactions.added, counts.transactions.modified, counts.transactions.removed,
						   counts.transactions.unchanged, counts.transactions.quarantined, counts.requests,
						   static_cast<double>(counts.duration.count()) / 1e6),
				 counts.failed > 0 ? errhint("See ob.connection_status for the ones that failed.") : 0));
	});
}

void sync_due(FunctionCallInfo fcinfo) {
	Arguments arguments = read_arguments(fcinfo);
	store::PgSyncStore sync_store(store::Commit::each_unit, nullptr);
	store::PgDueStore due(sync_store, std::move(arguments.filter));
	Sessions sessions(due);
	sync::DueContext context;
	context.store = &due;
	context.sessions = &sessions;
	context.clock = &Runtime::get().clock();
	std::exception_ptr error;
	bool interrupted = false;
	sync::DueCounts counts;
	try {
		counts = store::run_committing(recover_and_sync(std::move(context), arguments.limits));
	} catch (const Interrupted &) {
		interrupted = true;
	} catch (...) {
		error = std::current_exception();
	}
	if (interrupted) {
		due.give_back();
		throw Interrupted();
	}
	due.release_all();
	if (error)
		std::rethrow_exception(error);
	notice(counts);
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_sync_due) {
	using namespace ob::pg::sqlapi;
	ob::pg::store::in_procedure(fcinfo, "ob.sync_due", [&] { sync_due(fcinfo); });
	return 0;
}
