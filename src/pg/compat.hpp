// Differences between PostgreSQL 15 and 18; nobody else looks at PG_VERSION_NUM. Server regime.
#pragma once

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "openbanking supports PostgreSQL 15 to 18"
#endif

extern "C" {
#include "catalog/pg_foreign_server.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "foreign/fdwapi.h"
#include "nodes/execnodes.h"
#include "optimizer/pathnode.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc_tables.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
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

/// The one way to scan a foreign table, without order and parameters.
inline ForeignPath *create_scan_path(PlannerInfo *root, RelOptInfo *rel, double rows, Cost startup, Cost total) {
#if PG_VERSION_NUM >= 180000
	return create_foreignscan_path(root, rel, nullptr, rows, 0, startup, total, NIL, rel->lateral_relids, nullptr, NIL,
	                               NIL);
#elif PG_VERSION_NUM >= 170000
	return create_foreignscan_path(root, rel, nullptr, rows, startup, total, NIL, rel->lateral_relids, nullptr, NIL,
	                               NIL);
#else
	return create_foreignscan_path(root, rel, nullptr, rows, startup, total, NIL, rel->lateral_relids, nullptr, NIL);
#endif
}

/// EXPLAIN (GENERIC_PLAN): parameters without values.
inline bool has_no_parameters([[maybe_unused]] const ForeignScanState *node) {
#if PG_VERSION_NUM >= 160000
	return (node->ss.ps.state->es_top_eflags & EXEC_FLAG_EXPLAIN_GENERIC) != 0;
#else
	return false;
#endif
}

/// The role whose rights a foreign table is read with: the caller's, or the owner's of the view around it.
inline Oid checked_user(const ForeignScanState *node) {
	const ForeignScan *plan = reinterpret_cast<const ForeignScan *>(node->ss.ps.plan);
#if PG_VERSION_NUM >= 160000
	const Oid user = plan->checkAsUser;
#else
	const Oid user = exec_rt_fetch(plan->scan.scanrelid, node->ss.ps.state)->checkAsUser;
#endif
	return OidIsValid(user) ? user : GetUserId();
}

/// A setting with its history; null if there is none of that name.
inline config_generic *find_setting(const char *name) {
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, DEBUG5);
#else
	config_generic **settings = get_guc_variables();
	for (int i = 0; i < GetNumConfigOptions(); ++i)
		if (strcmp(settings[i]->name, name) == 0)
			return settings[i];
	return nullptr;
#endif
}

} // namespace ob::pg::compat
