// The webhook worker: a background process that does what accepted webhooks leave to be done, as soon as they have been
// committed. One per database stays for a while, others help it out: a link takes as long as its provider. C++ regime
// behind ob_webhook_worker_main.
//
// It calls ob.link_complete as an application would, so what cannot be undone is in the outcome worker's hands, and
// this process may end at any time.

#include "pg/postgres.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
}

#include <chrono>

#include "core/loop.hpp"
#include "pg/entry.hpp"
#include "pg/guard.hpp"
#include "pg/locks.hpp"
#include "pg/runtime.hpp"
#include "pg/settings.hpp"
#include "pg/store/installation.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/webhook_events.hpp"
#include "pg/transaction.hpp"
#include "pg/worker/end.hpp"
#include "pg/worker/session.hpp"
#include "pg/worker/webhook_work.hpp"

namespace ob::pg::worker {

namespace {

using std::chrono::steady_clock;

// For how long it stays for what comes right after, or could not be done at once.
constexpr std::chrono::seconds kLinger{15};
// How often it looks while there is only what has failed before. What is new starts another one.
constexpr std::chrono::seconds kRest{10};

// So many at the same time.
constexpr std::int64_t kPlaces = 3;

bool take_place(std::int64_t place) {
	return try_lock(LockClass::webhook_worker, place, LockScope::session);
}

void leave_place(std::int64_t place) {
	unlock_session(LockClass::webhook_worker, place);
}

void show(const char *activity) {
	guard([&] { pgstat_report_activity(activity ? STATE_RUNNING : STATE_IDLE, activity); });
}

Task<void> sleep_for(std::chrono::milliseconds time) {
	Sleep sleep(time);
	co_await sleep;
}

void pause(std::chrono::milliseconds time) {
	show(nullptr);
	Loop loop(Runtime::get().reactor(), Runtime::get().waiter());
	loop.run(sleep_for(time));
	if (ConfigReloadPending) {
		ConfigReloadPending = false;
		guard([] { ProcessConfigFile(PGC_SIGHUP); });
	}
}

bool may_stay() {
	return settings::enabled() && !guard([] { return database_is_wanted(); });
}

/// Those whose events are to be worked off here.
std::vector<std::string> servers_here() {
	std::vector<std::string> servers;
	transaction([&] {
		if (store::is_adopted())
			servers = store::usable_servers();
	});
	return servers;
}

/// Whether there was anything to do.
bool work_off() {
	const std::vector<std::string> servers = servers_here();
	if (servers.empty())
		return false;
	show("completing journeys");
	const WebhookCounts counts = work_off_webhooks(servers, [](const auto &body) { transaction(body); });
	return counts.processed + counts.waiting + counts.failed > 0;
}

/// Whether to stay for a later try: as long as a provider is down, or somebody holds a connection.
bool is_worth_waiting() {
	const std::vector<std::string> servers = servers_here();
	bool is_promising = false;
	transaction([&] { store::as_owner([&] { is_promising = store::is_try_promising(servers); }); });
	return is_promising;
}

void rest() {
	const auto until = steady_clock::now() + kRest;
	while (may_stay() && steady_clock::now() < until)
		pause(std::chrono::seconds(1));
}

/// Until nothing has come for a while. Whoever starts another one meanwhile need not know of this one: it looks once
/// more after it has let go of the lock.
void live() {
	auto last = steady_clock::now();
	while (may_stay()) {
		if (work_off()) {
			last = steady_clock::now();
		} else if (steady_clock::now() - last < kLinger) {
			pause(std::chrono::milliseconds(250));
		} else if (is_worth_waiting()) {
			rest();
		} else {
			leave_place(0);
			if (!work_off() || !take_place(0))
				return;
		}
	}
}

/// Does what is due beside those that are at it. The one that stays may have gone meanwhile.
void help_out() {
	for (std::int64_t place = 1; place < kPlaces; ++place) {
		if (!take_place(place))
			continue;
		if (may_stay())
			work_off();
		leave_place(place);
		if (take_place(0))
			live();
		return;
	}
}

void work() {
	std::exception_ptr error;
	try {
		if (take_place(0))
			live();
		else
			help_out();
	} catch (...) {
		error = std::current_exception();
	}
	if (error && !is_an_end(error))
		std::rethrow_exception(error);
}

} // namespace

} // namespace ob::pg::worker

extern "C" {
__attribute__((visibility("default"))) void ob_webhook_worker_main(Datum argument);
}

extern "C" void ob_webhook_worker_main(Datum argument) {
	using namespace ob::pg;
	using namespace ob::pg::worker;
	entry([&] {
		guard([&] {
			pqsignal(SIGTERM, die);
			pqsignal(SIGHUP, SignalHandlerForConfigReload);
			BackgroundWorkerUnblockSignals();
			begin_worker_session(DatumGetObjectId(argument));
			// A row that somebody holds must not stop what follows from other events.
			SetConfigOption("lock_timeout", "2s", PGC_SUSET, PGC_S_OVERRIDE);
		});
		work();
	});
}
