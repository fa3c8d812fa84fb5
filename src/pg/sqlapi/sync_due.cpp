// ob.sync_due: everything that is due. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "utils/timestamp.h"
}

#include <algorithm>

#include "core/loop.hpp"
#include "pg/entry.hpp"
#include "pg/log.hpp"
#include "pg/settings.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/servers.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/due_run.hpp"

namespace ob::pg::sqlapi {

namespace {

struct Arguments {
	sync::DueLimits limits;
	store::DueFilter filter;
};

std::int64_t positive(std::int64_t value, const char *name) {
	if (value < 1)
		throw Error(ErrorCode::invalid_argument, std::string("argument \"") + name + "\" must be positive");
	return value;
}

/// Of decades at most, whatever an interval can say.
std::int64_t milliseconds(const Interval &interval) {
	constexpr double kMost = 1e12;
	const double days = interval.day + interval.month * double{DAYS_PER_MONTH};
	return static_cast<std::int64_t>(
	    std::clamp(static_cast<double>(interval.time) / 1e3 + days * 86.4e6, -kMost, kMost));
}

Arguments read_arguments(FunctionCallInfo fcinfo) {
	Arguments arguments;
	if (!PG_ARGISNULL(0))
		arguments.limits.max_connections = positive(PG_GETARG_INT32(0), "max_connections");
	arguments.limits.parallel =
	    static_cast<std::size_t>(PG_ARGISNULL(1) ? settings::max_parallel() : positive(PG_GETARG_INT32(1), "parallel"));
	if (auto server = name_argument(fcinfo, 2)) {
		store::check_usage(*server);
		arguments.filter.servers = {*server};
	} else {
		arguments.filter.servers = store::usable_servers();
	}
	arguments.filter.user_ref = text_argument(fcinfo, 3);
	if (!PG_ARGISNULL(4)) {
		arguments.limits.max_duration =
		    std::chrono::milliseconds(positive(milliseconds(*PG_GETARG_INTERVAL_P(4)), "max_duration"));
	}
	return arguments;
}

// ---- outcomes of dead workers ----

// For how long a run that has nothing else to do waits for their recovery, which goes on without it.
constexpr std::chrono::seconds kRecoveryPatience{5};

/// Never throws an Error: what stays open is passed over, and the other connections need not wait for it.
Task<void> recover(bool *recovered) {
	std::exception_ptr failure;
	try {
		Task<bool> task = worker::recover(std::nullopt, {});
		*recovered = co_await task;
	} catch (const Error &) {
		failure = std::current_exception();
	}
	if (failure)
		log_failure("recovery of outcomes", failure);
}

void add(sync::DueCounts &counts, const sync::DueCounts &more) {
	counts.connections += more.connections;
	counts.complete += more.complete;
	counts.waiting += more.waiting;
	counts.deferred += more.deferred;
	counts.failed += more.failed;
	counts.transactions += more.transactions;
	counts.requests += more.requests;
	counts.out_of_time = counts.out_of_time || more.out_of_time;
}

/// Beside the syncs, so that a provider who does not answer delays none of them. What is recovered is then due as well.
Task<sync::DueCounts> recover_and_sync(worker::DueRun *run, sync::DueLimits limits) {
	using Instant = std::chrono::steady_clock;
	const auto started = Instant::now();
	const auto spent = [&] { return std::chrono::duration_cast<std::chrono::milliseconds>(Instant::now() - started); };
	Loop &loop = co_await ThisLoop();
	bool recovered = false;
	TaskGroup beside(loop);
	beside.spawn(recover(&recovered));
	Task<sync::DueCounts> first = run->pass(limits);
	sync::DueCounts counts = co_await first;
	const auto until = Instant::now() + kRecoveryPatience;
	while (beside.running() > 0 && Instant::now() < until && !counts.out_of_time) {
		Sleep pause(std::chrono::milliseconds(20));
		co_await pause;
	}
	beside.reap();
	if (recovered) {
		if (limits.max_connections)
			*limits.max_connections -= counts.connections;
		if (limits.max_duration)
			*limits.max_duration = std::max(*limits.max_duration - spent(), std::chrono::milliseconds(0));
		Task<sync::DueCounts> second = run->pass(limits);
		add(counts, co_await second);
	}
	counts.duration = spent();
	co_return counts;
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
	check_calls_allowed(); // else each connection would be marked as failed
	Arguments arguments = read_arguments(fcinfo);
	worker::DueRun run(store::Commit::each_unit, std::move(arguments.filter));
	std::exception_ptr error;
	sync::DueCounts counts;
	try {
		counts = store::run_committing(recover_and_sync(&run, arguments.limits));
	} catch (...) {
		error = std::current_exception();
	}
	run.end(error);
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
