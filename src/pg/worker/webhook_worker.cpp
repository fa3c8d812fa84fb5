// The webhook worker: a background process that does what accepted webhooks leave to be done, as soon as they have been
// committed. One per database. C++ regime behind ob_webhook_worker_main.
//
// It calls ob.link_complete as an application would, so what cannot be undone is in the outcome worker's hands, and
// this process may end at any time.

#include "pg/postgres.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
}

#include <chrono>

#include "core/loop.hpp"
#include "pg/entry.hpp"
#include "pg/guard.hpp"
#include "pg/locks.hpp"
#include "pg/runtime.hpp"
#include "pg/settings.hpp"
#include "pg/store/installation.hpp"
#include "pg/store/servers.hpp"
#include "pg/transaction.hpp"
#include "pg/worker/session.hpp"
#include "pg/worker/webhook_work.hpp"

namespace ob::pg::worker {

namespace {

using std::chrono::steady_clock;

// For how long it stays for what comes right after, or could not be done at once.
constexpr std::chrono::seconds kLinger{15};

bool become_the_one() {
	return try_lock(LockClass::webhook_worker, 0, LockScope::session);
}

void show(const char *activity) {
	guard([&] { pgstat_report_activity(activity ? STATE_RUNNING : STATE_IDLE, activity); });
}

Task<void> pause() {
	Sleep sleep(std::chrono::milliseconds(250));
	co_await sleep;
}

/// Whether there was anything to do.
bool work_off() {
	std::vector<std::string> servers;
	transaction([&] {
		if (store::is_adopted())
			servers = store::usable_servers();
	});
	if (servers.empty())
		return false;
	const WebhookCounts counts = work_off_webhooks(servers, [](const auto &body) { transaction(body); });
	return counts.processed + counts.waiting + counts.failed > 0;
}

/// Until nothing has come for a while. Whoever starts another one meanwhile need not know of this one: it looks once
/// more after it has let go of the lock.
void live() {
	auto last = steady_clock::now();
	while (settings::enabled() && !guard([] { return database_is_wanted(); })) {
		show("completing journeys");
		if (work_off()) {
			last = steady_clock::now();
		} else if (steady_clock::now() - last < kLinger) {
			show(nullptr);
			Loop loop(Runtime::get().reactor(), Runtime::get().waiter());
			loop.run(pause());
		} else {
			unlock_session(LockClass::webhook_worker, 0);
			if (!work_off() || !become_the_one())
				return;
		}
	}
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
		});
		if (become_the_one())
			live();
	});
}
