#include "pg/store/due_store.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include <algorithm>
#include <exception>
#include <span>

#include "core/error.hpp"
#include "pg/interrupts.hpp"
#include "pg/locks.hpp"
#include "pg/log.hpp"
#include "pg/store/breakers.hpp"
#include "pg/store/leases.hpp"
#include "pg/store/sql.hpp"
#include "pg/store/tokens.hpp"

namespace ob::pg::store {

namespace {

// In a form that Row::timestamp() reads, whatever an administrator has put there.
#define OB_NEXT_SYNC_AT "(extract(epoch from GREATEST(s.next_sync_at, '0001-01-01')) * 1000000)::bigint"

// What is to be synced until $2, in order, if it is synced by itself and its server is one of $1. OFFSET 0 keeps it so
// whatever the plan was made on: along the index on next_sync_at, then a look-up by key. What a worker has begun or
// recorded comes first.
#define OB_SYNCS_IN_TIME                                                                                               \
	"(SELECT * FROM ob.sync_state WHERE next_sync_at <= $2 ORDER BY next_sync_at, connection_id OFFSET 0) s "          \
	"CROSS JOIN LATERAL (SELECT k.* FROM ob.connections k WHERE k.id = s.connection_id AND k.state = 'active' "        \
	"AND k.sync_enabled AND k.server::text = ANY ($1) "                                                                \
	"AND NOT EXISTS (SELECT 1 FROM ob.server_state v WHERE v.server = k.server AND v.paused_at IS NOT NULL) "          \
	"AND NOT EXISTS (SELECT 1 FROM ob.breakers b WHERE b.server = k.server "                                           \
	"AND b.institution_id IN ('', COALESCE(k.institution_id, '')) AND b.open_until > clock_timestamp()) "              \
	"AND NOT EXISTS (SELECT 1 FROM ob.outcomes o "                                                                     \
	"WHERE o.connection_id = k.id AND o.phase IN ('intent', 'answered', 'recorded')) OFFSET 0) c "

#define OB_IS_FREE "(s.claimed_until IS NULL OR s.claimed_until < clock_timestamp())"

// What was read of a connection before its sync began is good for so long.
constexpr std::chrono::seconds kFresh{1};

} // namespace

std::vector<ConnectionId> PgDueStore::claim(std::size_t limit, const std::set<std::string> &later) {
	std::vector<ConnectionId> got;
	while (got.empty()) {
		const std::vector<Claim> next = candidates(limit, later);
		if (next.empty())
			break;
		std::vector<ConnectionId> locked;
		for (const Claim &claim : next)
			if (const ConnectionId id = claim.connection.id; try_lock(LockClass::connection, id, LockScope::session)) {
				claimed_[id] = claim;
				locked.push_back(id);
			}
		got = lease(locked);
		for (const ConnectionId id : locked)
			if (std::find(got.begin(), got.end(), id) == got.end())
				let_go(id);
			else
				ahead_[id] = Ahead();
	}
	return got;
}

/// The next due ones in order, whoever may hold them.
std::vector<PgDueStore::Claim> PgDueStore::candidates(std::size_t limit, const std::set<std::string> &later) {
	static Statement select("SELECT s.connection_id, " OB_NEXT_SYNC_AT ", c.server, c.institution_id FROM " OB_SYNCS_IN_TIME
	                        "WHERE " OB_IS_FREE
	                        " AND ($3 IS NULL OR c.user_ref = $3) "
	                        "AND NOT EXISTS (SELECT FROM unnest($4, $5, $6) AS l (server, due, id) "
	                        "WHERE l.server = c.server::text AND (" OB_NEXT_SYNC_AT ", s.connection_id) <= (l.due, l.id)) "
	                        "ORDER BY s.next_sync_at, s.connection_id LIMIT $7");
	if (!started_at_)
		started_at_ = SystemClock().now();
	std::vector<std::string> servers, begun;
	std::vector<std::int64_t> last_due, last_id;
	for (const std::string &server : filter_.servers)
		if (!later.contains(server))
			servers.push_back(server);
	for (const auto &[server, last] : last_) {
		begun.push_back(server);
		last_due.push_back(last.first);
		last_id.push_back(last.second);
	}
	std::vector<Claim> claims;
	store_.read([&] {
		breakers_ = standing_breakers(filter_.servers);
		const Result found = select.read_fresh(
		    {Param::text_array(servers), Param::timestamp(started_at_),
		     filter_.user_ref ? Param::text(*filter_.user_ref) : Param::null(TEXTOID), Param::text_array(begun),
		     Param::integer_array(last_due), Param::integer_array(last_id),
		     Param::integer(static_cast<std::int64_t>(limit))});
		for (const Row &row : found.rows) {
			Claim &claim = claims.emplace_back();
			claim.connection.id = row.integer(0);
			claim.connection.server = row.text(2);
			claim.bank = row.text(3);
			last_[row.text(2)] = {row.integer(1), row.integer(0)};
		}
	});
	return claims;
}

/// Those of `ids` whose lease was free: all in one commit, unless one of them stands in the others' way.
std::vector<ConnectionId> PgDueStore::lease(const std::vector<ConnectionId> &ids) {
	// The lease outlives a run that was killed by so much; the lock, which a kill frees, guards the work itself.
	static Statement take_leases(
	    "UPDATE ob.sync_state s SET claimed_until = clock_timestamp() + interval '10 minutes', "
	    "claimed_by = pg_backend_pid() WHERE s.connection_id IN (SELECT l.connection_id FROM ob.sync_state l "
	    // Who holds many at once is not waited for: he may be waiting for one of these.
	    "WHERE l.connection_id = ANY ($1) FOR UPDATE SKIP LOCKED) AND s.next_sync_at <= clock_timestamp() "
	    "AND " OB_IS_FREE " "
	    // A rotation whose caller is gone; it may have been begun since the candidates were read.
	    "AND NOT EXISTS (SELECT 1 FROM ob.outcomes o WHERE o.connection_id = s.connection_id AND o.kind = 'rotate' "
	    "AND o.phase IN ('intent', 'answered')) RETURNING s.connection_id");
	hold_leases(ids);
	std::vector<ConnectionId> got;
	const auto take = [&](std::span<const ConnectionId> some) {
		std::vector<ConnectionId> taken;
		store_.unit([&] {
			for (const Row &row : take_leases.run({Param::integer_array(some)}).rows)
				if (passes_breakers(row.integer(0)))
					taken.push_back(row.integer(0));
			take_budgets(taken);
		}, Durability::certain);
		budgets_.keep();
		got.insert(got.end(), taken.begin(), taken.end());
	};
	try {
		take(ids);
		return got;
	} catch (const Error &) {
		// Each for itself then.
	}
	for (const ConnectionId &id : ids) {
		try {
			take({&id, 1});
		} catch (const Error &) {
			// Passed over; it stays due.
		}
	}
	return got;
}

/// What was held against its server or bank when it was claimed, or has come to be in this run.
bool PgDueStore::has_breakers(ConnectionId id) const {
	const Claim &claim = claimed_.at(id);
	return breakers_.contains({claim.connection.server, {}}) || breakers_.contains({claim.connection.server, claim.bank});
}

/// Asked of a leased connection, so that none is let through as the one that finds out and then belongs to somebody
/// else.
bool PgDueStore::passes_breakers(ConnectionId id) {
	if (!has_breakers(id) || pass_breakers(id))
		return true;
	end_leases({&id, 1});
	return false;
}

/// Calls that their syncs make for certain, in the commit that there is all the same.
void PgDueStore::take_budgets(const std::vector<ConnectionId> &ids) {
	budgets_ = SyncBudgets();
	std::map<std::string, std::vector<ConnectionId>> servers;
	for (const ConnectionId id : ids)
		servers[claimed_.at(id).connection.server].push_back(id);
	for (const auto &[server, connections] : servers)
		budgets_.take(server, connections);
}

void PgDueStore::begin_again() {
	started_at_.reset();
	last_.clear();
}

DueConnection PgDueStore::load(ConnectionId id) {
	const bool is_fresh = ahead_[id].tokens && std::chrono::steady_clock::now() - read_at_ < kFresh;
	if (!is_fresh) {
		std::vector<ConnectionId> waiting;
		for (const auto &[other, nothing] : ahead_)
			waiting.push_back(other);
		try {
			read_ahead(waiting);
		} catch (const Error &) {
			read_ahead({id}); // the trouble may be another's
		}
	}
	Ahead ahead = std::move(ahead_[id]);
	ahead_.erase(id);
	if (const Error *error = std::get_if<Error>(&*ahead.tokens))
		throw *error;
	DueConnection due;
	due.target = std::move(*ahead.target);
	due.server = claimed_[id].connection.server;
	due.tokens = std::get<providers::Credentials>(std::move(*ahead.tokens));
	return due;
}

/// What loading them takes: a few statements however many there are.
void PgDueStore::read_ahead(const std::vector<ConnectionId> &ids) {
	for (const ConnectionId id : ids)
		ahead_[id] = Ahead();
	store_.read([&] {
		const std::vector<Connection> connections = find_connections(ids);
		std::vector<TokensOrError> tokens = load_credentials(connections);
		for (std::size_t i = 0; i < connections.size(); ++i)
			claimed_[connections[i].id].connection = connections[i];
		for (SyncTarget &target : store_.load(connections))
			ahead_[target.id].target = std::move(target);
		for (std::size_t i = 0; i < connections.size(); ++i)
			if (Ahead &ahead = ahead_[connections[i].id]; ahead.target)
				ahead.tokens = std::move(tokens[i]);
	});
	for (const ConnectionId id : ids)
		if (!ahead_[id].tokens)
			ahead_[id].tokens = Error(ErrorCode::not_found, "connection " + std::to_string(id) + " does not exist");
	read_at_ = std::chrono::steady_clock::now();
}

void PgDueStore::trip(ConnectionId id, BreakerScope scope, BreakerTimes opens_for) {
	store_.unit([&] { trip_breaker(id, scope, opens_for); });
	const Claim &claim = claimed_.at(id);
	breakers_.emplace(claim.connection.server, scope == BreakerScope::server ? std::string() : claim.bank);
}

void PgDueStore::close_breakers(ConnectionId id, bool bank_too) {
	if (!has_breakers(id))
		return;
	store_.unit([&] { store::close_breakers(id, bank_too); });
	const Claim &claim = claimed_.at(id);
	breakers_.erase({claim.connection.server, {}});
	if (bank_too)
		breakers_.erase({claim.connection.server, claim.bank});
}

void PgDueStore::release(ConnectionId id) {
	static Statement is_leased(
	    "SELECT 1 FROM ob.sync_state WHERE connection_id = $1 AND claimed_by = pg_backend_pid()");
	static Statement end_lease("UPDATE ob.sync_state SET claimed_until = NULL, claimed_by = NULL "
	                           "WHERE connection_id = $1 AND claimed_by = pg_backend_pid()");
	std::exception_ptr trouble;
	try {
		bool leased = !store_.take_finished(id);
		if (leased)
			store_.read([&] { leased = !is_leased.read_fresh({Param::integer(id)}).rows.empty(); });
		if (leased)
			store_.unit([&] { end_lease.run({Param::integer(id)}); });
	} catch (const Error &) {
		trouble = std::current_exception();
	}
	let_go(id);
	if (trouble)
		std::rethrow_exception(trouble);
}

void PgDueStore::let_go(ConnectionId id) {
	claimed_.erase(id);
	ahead_.erase(id);
	store_.forget(id);
	forget_lease(id);
	unlock_session(LockClass::connection, id);
}

void PgDueStore::give_back() {
	const HoldInterrupts hold;
	std::exception_ptr trouble;
	try {
		std::vector<std::int64_t> ids;
		for (const auto &[id, claim] : claimed_)
			ids.push_back(id);
		if (!ids.empty())
			store_.unit([&] { end_leases(ids); }); // what was interrupted must end now, whoever holds a row
	} catch (...) {
		trouble = std::current_exception();
	}
	if (trouble)
		log_failure("giving back what was claimed", trouble);
	release_all();
}

void PgDueStore::release_all() {
	while (!claimed_.empty())
		let_go(claimed_.begin()->first);
}

std::vector<Upcoming> upcoming_syncs(const std::vector<std::string> &servers) {
	static Statement select("SELECT s.connection_id, " OB_NEXT_SYNC_AT
	                        ", due.is_due, young.is_young FROM " OB_SYNCS_IN_TIME
	                        "CROSS JOIN LATERAL (SELECT s.next_sync_at <= $3 AND " OB_IS_FREE " AS is_due) due "
	                        "CROSS JOIN LATERAL (SELECT NOT s.history_complete "
	                        "AND s.next_sync_at < c.created_at + interval '15 minutes' AS is_young) young "
	                        "WHERE is_due OR is_young ORDER BY s.next_sync_at, s.connection_id LIMIT 1000");
	constexpr std::chrono::minutes kYoung{15};
	const Timestamp now = SystemClock().now();
	std::vector<Upcoming> syncs;
	const Result found =
	    select.read_fresh({Param::text_array(servers), Param::timestamp(now + kYoung), Param::timestamp(now)});
	for (const Row &row : found.rows)
		syncs.push_back({row.integer(0), *row.timestamp(1), row.boolean(2), row.boolean(3)});
	return syncs;
}

} // namespace ob::pg::store
