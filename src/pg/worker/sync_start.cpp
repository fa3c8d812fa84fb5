#include "pg/worker/sync_start.hpp"

extern "C" {
#include "access/xact.h"
#include "postmaster/bgworker.h"
}

#include "pg/guard.hpp"
#include "pg/settings.hpp"

namespace ob::pg::worker {

namespace {

/// A kind of background worker of which a database has one, or a few: there are locks for so many.
struct Job {
	const char *name;
	const char *function;
	const char *what;      // that it is for
	const char *otherwise; // what does the work if there is no slot
	bool is_wanted;
};

Job sync_job{"openbanking sync worker", "ob_sync_worker_main", "to sync what is due now",
             "The next ob.sync_due does it.", false};
Job webhook_job{"openbanking webhook worker", "ob_webhook_worker_main", "for what a webhook leaves to be done",
                "The next ob.sweep_webhooks does it.", false};

/// Allocates nothing and raises nothing: the transaction that calls it has committed already. Server regime.
void register_worker(const Job &job) {
	BackgroundWorker worker;
	memset(&worker, 0, sizeof worker);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	snprintf(worker.bgw_library_name, sizeof worker.bgw_library_name, "openbanking");
	snprintf(worker.bgw_function_name, sizeof worker.bgw_function_name, "%s", job.function);
	snprintf(worker.bgw_name, sizeof worker.bgw_name, "%s", job.name);
	snprintf(worker.bgw_type, sizeof worker.bgw_type, "%s", job.name);
	worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
	if (!RegisterDynamicBackgroundWorker(&worker, nullptr))
		ereport(LOG, (errmsg("openbanking: no background worker slot is free %s", job.what),
		              errhint("%s Raise max_worker_processes.", job.otherwise)));
}

void on_transaction_end(XactEvent event, void *) {
	for (Job *job : {&sync_job, &webhook_job}) {
		if ((event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) && job->is_wanted)
			register_worker(*job);
		if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE || event == XACT_EVENT_ABORT)
			job->is_wanted = false;
	}
}

void start_after_commit(Job &job) {
	static bool is_listening = false;
	if (!settings::sync_on_event())
		return;
	if (!is_listening)
		guard([] { RegisterXactCallback(on_transaction_end, nullptr); });
	is_listening = job.is_wanted = true;
}

} // namespace

void sync_after_commit() {
	start_after_commit(sync_job);
}

void webhooks_after_commit() {
	start_after_commit(webhook_job);
}

void start_webhook_worker() {
	if (settings::sync_on_event())
		guard([] { register_worker(webhook_job); });
}

void start_sync_worker() {
	guard([] { register_worker(sync_job); });
}

} // namespace ob::pg::worker
