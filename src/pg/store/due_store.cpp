#include "pg/store/due_store.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>

#include "core/error.hpp"
#include "pg/guard.hpp"
#include "pg/locks.hpp"
#include "pg/memory.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sql.hpp"
#include "pg/store/tokens.hpp"

namespace ob::pg::store {

std::vector<ConnectionId> PgDueStore::claim(std::size_t limit) {
	// The lease outlives a run that was killed by so much; the lock, which a kill frees, guards the work itself.
	static Statement lease("UPDATE ob.sync_state SET claimed_until = clock_timestamp() + interval '10 minutes', "
						   "claimed_by = pg_backend_pid() WHERE connection_id = $1 AND next_sync_at <= clock_timestamp() "
						   "AND (claimed_until IS NULL OR claimed_until < clock_timestamp())");
	std::vector<ConnectionId> got;
	while (got.empty()) {
		const std::vector<ConnectionId> next = candidates(limit);
		if (next.empty())
			break;
		std::vector<ConnectionId> locked;
		for (const ConnectionId id : next)
			if (try_lock(LockClass::connection, id, LockScope::session)) {
				claimed_[id].id = id;
				locked.push_back(id);
			}
		store_.unit([&] {
			for (const ConnectionId id : locked)
				if (lease.run({Param::integer(id)}).processed == 1)
					got.push_back(id);
		});
		for (const ConnectionId id : locked)
			if (std::find(got.begin(), got.end(), id) == got.end()) {
				claimed_.erase(id);
				unlock_session(LockClass::connection, id);
			}
	}
	return got;
}

/// The next due ones in order, whoever may hold them.
std::vector<ConnectionId> PgDueStore::candidates(std::size_t limit) {
	static Statement select(
		"SELECT s.connection_id, (extract(epoch from s.next_sync_at) * 1000000)::bigint FROM ob.sync_state s "
		"JOIN ob.connections c ON c.id = s.connection_id WHERE c.state = 'active' AND c.sync_enabled "
		"AND s.next_sync_at <= $1 AND (s.claimed_until IS NULL OR s.claimed_until < clock_timestamp()) "
		// What a worker has begun or recorded for it comes first.
		"AND NOT EXISTS (SELECT 1 FROM ob.outcomes o WHERE o.connection_id = s.connection_id "
		"AND o.phase IN ('intent', 'answered', 'recorded')) "
		"AND c.server::text = ANY ($2) AND ($3 IS NULL OR c.user_ref = $3) "
		"AND ((extract(epoch from s.next_sync_at) * 1000000)::bigint, s.connection_id) > ($4, $5) "
		"ORDER BY s.next_sync_at, s.connection_id LIMIT $6");
	if (!started_at_)
		started_at_ = SystemClock().now();
	std::vector<ConnectionId> ids;
	with_scratch_memory([&] {
		as_owner([&] {
			const Result found = select.read_fresh(
				{Param::timestamp(started_at_), Param::text_array(filter_.servers),
				 filter_.user_ref ? Param::text(*filter_.user_ref) : Param::null(TEXTOID), Param::integer(last_due_),
				 Param::integer(last_id_), Param::integer(static_cast<std::int64_t>(limit))});
			for (const Row &row : found.rows) {
				ids.push_back(row.integer(0));
				last_due_ = row.integer(1);
				last_id_ = row.integer(0);
			}
		});
	});
	return ids;
}

DueConnection PgDueStore::load(ConnectionId id) {
	DueConnection due;
	with_scratch_memory([&] {
		claimed_[id] = find_connection(id);
		due.target = store_.load(claimed_[id]);
		due.server = claimed_[id].server;
		due.tokens = load_credentials(claimed_[id]);
	});
	return due;
}

void PgDueStore::release(ConnectionId id) {
	static Statement end_lease("UPDATE ob.sync_state SET claimed_until = NULL, claimed_by = NULL "
							   "WHERE connection_id = $1 AND claimed_by = pg_backend_pid()");
	bool held = false;
	with_scratch_memory([&] {
		as_owner([&] {
			static Statement is_held("SELECT 1 FROM ob.sync_state WHERE connection_id = $1 AND claimed_by = pg_backend_pid()");
			held = !is_held.read_fresh({Param::integer(id)}).rows.empty();
		});
	});
	if (held)
		store_.unit([&] { end_lease.run({Param::integer(id)}); });
	claimed_.erase(id);
	unlock_session(LockClass::connection, id);
}

void PgDueStore::give_back() {
	// Rows that someone holds are left to run out: an interrupted statement must end now.
	static Statement end_leases("UPDATE ob.sync_state SET claimed_until = NULL, claimed_by = NULL WHERE connection_id IN "
								"(SELECT connection_id FROM ob.sync_state WHERE connection_id = ANY ($1) "
								"AND claimed_by = pg_backend_pid() FOR UPDATE SKIP LOCKED)");
	std::vector<std::int64_t> ids;
	for (const auto &[id, connection] : claimed_)
		ids.push_back(id);
	guard([] { HOLD_INTERRUPTS(); });
	std::exception_ptr error;
	try {
		if (!ids.empty())
			store_.unit([&] { end_leases.run({Param::integer_array(ids)}); });
	} catch (...) {
		error = std::current_exception();
	}
	// An error has let go of it already.
	if (!error)
		guard([] { RESUME_INTERRUPTS(); });
	release_all();
	if (error)
		std::rethrow_exception(error);
}

void PgDueStore::release_all() {
	for (const auto &[id, connection] : claimed_)
		unlock_session(LockClass::connection, id);
	claimed_.clear();
}

} // namespace ob::pg::store
