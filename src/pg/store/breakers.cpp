#include "pg/store/breakers.hpp"

#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

// Those of connection $1: its bank's, and its server's, whose institution_id is empty.
#define OB_ITS_BREAKERS                                                                                                \
	"b.server = c.server AND b.institution_id IN ('', COALESCE(c.institution_id, '')) AND c.id = $1 "

#define OB_STANDS "GREATEST(b.failed_at, b.open_until) > clock_timestamp() - interval '1 day' "

} // namespace

BreakerKeys standing_breakers(const std::vector<std::string> &servers) {
	static Statement select("SELECT b.server, b.institution_id FROM ob.breakers b WHERE b.server::text = ANY ($1) "
	                        "AND " OB_STANDS);
	BreakerKeys keys;
	for (const Row &row : select.read_fresh({Param::text_array(servers)}).rows)
		keys.emplace(row.text(0), row.text(1));
	return keys;
}

bool pass_breakers(ConnectionId id) {
	static Statement held("SELECT count(*) FILTER (WHERE b.open_until > clock_timestamp()), count(b.open_until) "
	                      "FROM ob.breakers b, ob.connections c WHERE " OB_ITS_BREAKERS);
	static Statement probe("UPDATE ob.breakers b SET open_until = clock_timestamp() + interval '2 minutes' "
	                       "FROM ob.connections c WHERE " OB_ITS_BREAKERS "AND b.open_until <= clock_timestamp()");
	const Result found = held.read_fresh({Param::integer(id)});
	const std::int64_t open = found.rows.front().integer(0);
	const std::int64_t tripped = found.rows.front().integer(1);
	// Of two that try at once the second one finds it open again.
	return open == 0 &&
	       (tripped == 0 || static_cast<std::int64_t>(probe.run({Param::integer(id)}).processed) == tripped);
}

void trip_breaker(ConnectionId id, BreakerScope scope, BreakerTimes opens_for) {
	// Nobody waits here for a row that another one is about to take away.
	static Statement tidy("DELETE FROM ob.breakers WHERE (server, institution_id) IN (SELECT b.server, b.institution_id "
	                      "FROM ob.breakers b WHERE NOT " OB_STANDS "FOR UPDATE SKIP LOCKED)");
	static Statement count(
	    "INSERT INTO ob.breakers AS b (server, institution_id, failures) "
	    "SELECT c.server, CASE WHEN $2 THEN c.institution_id ELSE '' END, 1 FROM ob.connections c "
	    "WHERE c.id = $1 AND (c.institution_id IS NOT NULL OR NOT $2) "
	    "ON CONFLICT (server, institution_id) DO UPDATE SET failures = b.failures + 1, "
	    "failed_at = clock_timestamp() RETURNING failures");
	static Statement open("UPDATE ob.breakers b SET open_until = clock_timestamp() + "
	                      "make_interval(secs => $3::float8 * (1 + 0.1 * random())) FROM ob.connections c "
	                      "WHERE " OB_ITS_BREAKERS "AND (b.institution_id <> '') = $2");
	const Param of_bank = Param::boolean(scope == BreakerScope::institution);
	tidy.run({});
	const Result counted = count.run({Param::integer(id), of_bank});
	if (counted.rows.empty())
		return;
	const auto wait = opens_for(scope, counted.rows.front().integer(0));
	if (wait > std::chrono::seconds(0))
		open.run({Param::integer(id), of_bank, Param::integer(wait.count())});
}

void close_breakers(ConnectionId id, bool bank_too) {
	static Statement close("DELETE FROM ob.breakers b USING ob.connections c WHERE " OB_ITS_BREAKERS
	                       "AND (b.institution_id = '' OR $2)");
	close.run({Param::integer(id), Param::boolean(bank_too)});
}

void forget_breakers(const std::string &server) {
	static Statement forget("DELETE FROM ob.breakers WHERE server = $1");
	forget.run({Param::name(server)});
}

} // namespace ob::pg::store
