#include "pg/store/leases.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/namespace.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
}

#include <set>
#include <vector>

#include "pg/guard.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sql.hpp"
#include "pg/transaction.hpp"

namespace ob::pg::store {

namespace {

std::set<ConnectionId> &held() {
	static std::set<ConnectionId> ids;
	return ids;
}

/// Nothing interrupts a process that ends: it must not wait for who locks the table.
bool lock_table() {
	return guard([] {
		const Oid schema = get_namespace_oid("ob", true);
		const Oid table = OidIsValid(schema) ? get_relname_relid("sync_state", schema) : InvalidOid;
		return OidIsValid(table) && ConditionalLockRelationOid(table, RowExclusiveLock);
	});
}

/// As the server drops temporary tables then: whatever ran is rolled back, and a transaction of its own begun. An error
/// is fatal now, and ends the process as it was to end.
void give_back_at_exit(int, Datum) {
	if (held().empty())
		return;
	try {
		const std::vector<ConnectionId> ids(held().begin(), held().end());
		held().clear();
		guard([] { AbortOutOfAnyTransaction(); });
		transaction([&] {
			if (lock_table())
				as_owner([&] { end_leases(ids); });
		});
	} catch (...) {
		// They run out by themselves.
	}
}

} // namespace

void hold_leases(std::span<const ConnectionId> ids) {
	static bool registered = false;
	if (!registered)
		guard([] { before_shmem_exit(give_back_at_exit, 0); });
	registered = true;
	held().insert(ids.begin(), ids.end());
}

void forget_lease(ConnectionId id) noexcept {
	held().erase(id);
}

void end_leases(std::span<const ConnectionId> ids) {
	static Statement end("UPDATE ob.sync_state SET claimed_until = NULL, claimed_by = NULL WHERE connection_id IN "
	                     "(SELECT connection_id FROM ob.sync_state WHERE connection_id = ANY ($1) "
	                     "AND claimed_by = pg_backend_pid() FOR UPDATE SKIP LOCKED)");
	end.run({Param::integer_array(ids)});
}

} // namespace ob::pg::store
