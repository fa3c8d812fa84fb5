// Starting the sync worker and the webhook worker. C++ regime.
#pragma once

#include "pg/postgres.hpp"

namespace ob::pg::worker {

/// Once this transaction has committed, what is due then is synced by a background worker, without waiting for a
/// schedule; if openbanking.sync_on_event says so. For whoever links a bank or hears news of one. Costs nothing if the
/// transaction is rolled back.
void sync_after_commit();

/// The same for events that wait for work which goes on after the commit (webhook_work.hpp).
void webhooks_after_commit();

/// Starts one more webhook worker now, if openbanking.sync_on_event says so: for several links that have been finished.
void start_webhook_worker();

/// Starts the sync worker now: for work that has been committed. If there is no free slot the log says so, and a schedule does the
/// work. Harmless beside one that is running.
void start_sync_worker();

} // namespace ob::pg::worker
