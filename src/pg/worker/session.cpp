#include "pg/worker/session.hpp"

extern "C" {
#include "catalog/pg_database.h"
#include "postmaster/bgworker.h"
#include "storage/lock.h"
#include "utils/guc.h"
}

namespace ob::pg::worker {

void begin_worker_session(Oid database) {
	// Not as the owner of our tables, who may be a role that cannot log in: each transaction becomes him.
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	SetConfigOption("statement_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	if (GetConfigOption("transaction_timeout", true, false)) // since 17
		SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
}

bool database_is_wanted() {
	LOCKTAG tag;
	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	LockRelease(&tag, RowExclusiveLock, true);
	return false;
}

} // namespace ob::pg::worker
