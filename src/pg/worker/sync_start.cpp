#include "pg/worker/sync_start.hpp"

extern "C" {
#include "access/xact.h"
#include "postmaster/bgworker.h"
}

#include "pg/guard.hpp"
#include "pg/settings.hpp"

namespace ob::pg::worker {

namespace {

bool is_wanted = false;

/// Allocates nothing and raises nothing: the transaction that calls it has committed already. Server regime.
void register_sync_worker() {
	BackgroundWorker worker;
	memset(&worker, 0, sizeof worker);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	snprintf(worker.bgw_library_name, sizeof worker.bgw_library_name, "openbanking");
	snprintf(worker.bgw_function_name, sizeof worker.bgw_function_name, "ob_sync_worker_main");
	snprintf(worker.bgw_name, sizeof worker.bgw_name, "openbanking sync worker");
	snprintf(worker.bgw_type, sizeof worker.bgw_type, "openbanking sync worker");
	worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
	if (!RegisterDynamicBackgroundWorker(&worker, nullptr))
		ereport(LOG, (errmsg("openbanking: no background worker slot is free to sync what is due now"),
		              errhint("The next ob.sync_due does it. Raise max_worker_processes.")));
}

void on_transaction_end(XactEvent event, void *) {
	switch (event) {
	case XACT_EVENT_COMMIT:
	case XACT_EVENT_PREPARE:
		if (is_wanted)
			register_sync_worker();
		is_wanted = false;
		break;
	case XACT_EVENT_ABORT:
		is_wanted = false;
		break;
	default:
		break;
	}
}

} // namespace

void sync_after_commit() {
	static bool is_listening = false;
	if (!settings::sync_on_event())
		return;
	if (!is_listening)
		guard([] { RegisterXactCallback(on_transaction_end, nullptr); });
	is_listening = is_wanted = true;
}

void start_sync_worker() {
	guard([] { register_sync_worker(); });
}

} // namespace ob::pg::worker
