// Differences between PostgreSQL 15 and 18; nobody else looks at PG_VERSION_NUM. Server regime.
#pragma once

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "openbanking supports PostgreSQL 15 to 18"
#endif

extern "C" {
#include "catalog/pg_foreign_server.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
}

namespace ob::pg::compat {

inline WaitEventSet *create_wait_event_set(int events) {
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(nullptr, events); // no resource owner: lives as long as the process
#else
	return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

inline AclResult server_aclcheck(Oid server, Oid role, AclMode mode) {
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ForeignServerRelationId, server, role, mode);
#else
	return pg_foreign_server_aclcheck(server, role, mode);
#endif
}

/// What pg_stat_activity shows while a provider is waited for.
inline uint32 wait_event() {
#if PG_VERSION_NUM >= 170000
	static uint32 event = 0;
	if (event == 0)
		event = WaitEventExtensionNew("OpenBankingProvider");
	return event;
#else
	return PG_WAIT_EXTENSION;
#endif
}

/// The virtual transaction this backend runs now.
inline VirtualTransactionId my_virtual_transaction() {
	VirtualTransactionId id;
#if PG_VERSION_NUM >= 170000
	id.procNumber = MyProc->vxid.procNumber;
	id.localTransactionId = MyProc->vxid.lxid;
#else
	id.backendId = MyProc->backendId;
	id.localTransactionId = MyProc->lxid;
#endif
	return id;
}

/// First half of a virtual transaction id, whose name changed.
inline int &backend_of(VirtualTransactionId &id) {
#if PG_VERSION_NUM >= 170000
	return id.procNumber;
#else
	return id.backendId;
#endif
}

} // namespace ob::pg::compat
