#include "pg/store/webhook_keys.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/inval.h"
}

#include "pg/guard.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

// A key is asked for again long before its greatest age, so that it stays good through an outage.
#define OB_KEY_AGE "interval '1 day'"
#define OB_REFUSAL_AGE "interval '10 minutes'"
// Longer than a call lasts, shorter than it takes a provider to deliver again.
#define OB_ASK_PAUSE "interval '20 seconds'"
#define OB_UNKNOWN_ASKED                                                                                               \
	"FROM ob.webhook_keys k WHERE k.server = $1 AND k.key IS NULL AND k.asked_at > clock_timestamp() - interval "      \
	"'1 minute'"
// So many unknown ids are asked for in a minute, and as many more of those that came before: whoever makes up ids
// brings a new one each time, and a provider that signs with a new key has it in each of its deliveries.
#define OB_IS_CROWDED                                                                                                  \
	"((SELECT count(*) " OB_UNKNOWN_ASKED " AND k.subject IS NULL) >= CASE WHEN EXISTS (SELECT FROM ob.webhook_keys "  \
	"n WHERE n.server = $1 AND n.key_id = $2 AND n.turned_away_at < clock_timestamp() - interval '5 seconds') "        \
	"THEN 10 ELSE 5 END)"
// The share of deliveries about something of ours, by its kind.
#define OB_HAS_SHARE                                                                                                   \
	"($3::text IS NOT NULL AND (SELECT count(*) < 5 AND count(*) FILTER (WHERE k.subject = $3) = 0 " OB_UNKNOWN_ASKED  \
	" AND split_part(k.subject, ' ', 1) = split_part($3, ' ', 1)))"
// Those that are noted: the last ones.
#define OB_MOST_NOTED "200"

std::uint64_t version = 0;

/// Of whichever relation: they are rare. Server regime.
void on_relation_changed(Datum, Oid) {
	++version;
}

} // namespace

std::uint64_t webhook_keys_version() {
	static bool is_listening = false;
	guard([] {
		if (!is_listening)
			CacheRegisterRelcacheCallback(on_relation_changed, 0);
		is_listening = true;
		AcceptInvalidationMessages();
	});
	return version;
}

KnownKey find_webhook_key(std::string_view server, std::string_view key_id, std::chrono::seconds refresh) {
	static Statement select("SELECT key::text, key IS NOT NULL AND checked_at > clock_timestamp() - " OB_KEY_AGE ", "
	                        "key IS NOT NULL AND checked_at > clock_timestamp() - interval '1 second' * $3, "
	                        "key IS NULL AND checked_at > clock_timestamp() - " OB_REFUSAL_AGE ", "
	                        "asked_at > clock_timestamp() - " OB_ASK_PAUSE ", failure IS NOT NULL, "
	                        "turned_away_at IS NOT NULL "
	                        "FROM ob.webhook_keys WHERE server = $1 AND key_id = $2");
	KnownKey known;
	const Result found = select.read_fresh({Param::name(server), Param::text(key_id), Param::integer(refresh.count())});
	if (!found.rows.empty()) {
		const Row &row = found.rows.front();
		known.jwk = row.text(0);
		known.is_good = row.boolean(1);
		known.is_fresh = row.boolean(2);
		known.is_refused = row.boolean(3);
		known.was_asked = row.boolean(4);
		known.failed = row.boolean(5);
		known.is_noted = row.boolean(6);
	}
	return known;
}

std::string webhook_subject(std::string_view server, std::string_view provider_connection_id,
                            std::string_view link_digest) {
	static Statement select(
	    "SELECT 'connection ' || c.id FROM ob.connections c WHERE c.server = $1 "
	    "AND c.provider_connection_id = $2 AND c.state <> 'disconnected' UNION ALL "
	    "SELECT 'connection ' || c.id FROM ob.connections c WHERE c.server = $1 AND c.id = ANY (ARRAY("
	    "SELECT a.connection_id FROM ob.accounts_all a WHERE a.account_id = $2)) AND c.state <> 'disconnected' UNION "
	    "ALL "
	    "SELECT 'link ' || l.link_id FROM ob.links l WHERE l.server = $1 AND l.token_digest = $3 "
	    "AND l.state = 'open' AND l.expires_at > clock_timestamp() LIMIT 1");
	const Result found = select.read_fresh(
	    {Param::name(server), Param::text_or_null(provider_connection_id), Param::text_or_null(link_digest)});
	return found.rows.empty() ? std::string() : found.rows.front().text(0);
}

bool is_webhook_key_crowded(std::string_view server, std::string_view key_id, std::string_view subject) {
	static Statement select("SELECT " OB_IS_CROWDED " AND NOT " OB_HAS_SHARE);
	return select.read_fresh({Param::name(server), Param::text(key_id), Param::text_or_null(subject)})
	    .rows.front()
	    .boolean(0);
}

bool claim_webhook_key(std::string_view server, std::string_view key_id, std::string_view subject) {
	static Statement forget(
	    "DELETE FROM ob.webhook_keys WHERE server = $1 AND greatest(asked_at, turned_away_at) < clock_timestamp() - "
	    "CASE WHEN key IS NULL THEN interval '1 hour' ELSE interval '60 days' END");
	static Statement claim(
	    "INSERT INTO ob.webhook_keys AS w (server, key_id, checked_at, subject) "
	    "SELECT $1, $2, NULL, CASE WHEN " OB_HAS_SHARE " THEN $3 END WHERE " OB_HAS_SHARE " OR NOT " OB_IS_CROWDED
	    " OR EXISTS (SELECT FROM ob.webhook_keys k WHERE k.server = $1 AND k.key_id = $2 AND k.key IS NOT NULL) "
	    "ON CONFLICT (server, key_id) DO UPDATE SET asked_at = clock_timestamp(), failure = NULL, turned_away_at = "
	    "NULL, "
	    "subject = excluded.subject WHERE w.asked_at < clock_timestamp() - " OB_ASK_PAUSE);
	static Statement note("INSERT INTO ob.webhook_keys AS w (server, key_id, asked_at, checked_at, turned_away_at) "
	                      "SELECT $1, $2, '-infinity', NULL, clock_timestamp() WHERE " OB_IS_CROWDED
	                      " ON CONFLICT (server, key_id) DO UPDATE SET turned_away_at = clock_timestamp() "
	                      "WHERE w.key IS NULL AND w.turned_away_at IS NULL "
	                      "AND w.asked_at < clock_timestamp() - " OB_REFUSAL_AGE);
	static Statement cap("DELETE FROM ob.webhook_keys WHERE server = $1 AND key_id IN (SELECT key_id "
	                     "FROM ob.webhook_keys WHERE server = $1 AND turned_away_at IS NOT NULL "
	                     "ORDER BY turned_away_at DESC OFFSET " OB_MOST_NOTED ")");
	forget.run({Param::name(server)});
	if (claim.run({Param::name(server), Param::text(key_id), Param::text_or_null(subject)}).processed == 1)
		return true;
	if (note.run({Param::name(server), Param::text(key_id)}).processed == 1)
		cap.run({Param::name(server)});
	return false;
}

void keep_webhook_key(std::string_view server, std::string_view key_id, std::string_view jwk) {
	static Statement update("UPDATE ob.webhook_keys SET key = $3::jsonb, checked_at = clock_timestamp() "
	                        "WHERE server = $1 AND key_id = $2");
	update.run({Param::name(server), Param::text(key_id), Param::text_or_null(jwk)});
}

void keep_webhook_key_failure(std::string_view server, std::string_view key_id, std::string_view failure_json) {
	static Statement update("UPDATE ob.webhook_keys SET failure = $3::jsonb WHERE server = $1 AND key_id = $2");
	update.run({Param::name(server), Param::text(key_id), Param::text(failure_json)});
}

void give_back_webhook_key(std::string_view server, std::string_view key_id) {
	static Statement erase("DELETE FROM ob.webhook_keys WHERE server = $1 AND key_id = $2 AND checked_at IS NULL");
	erase.run({Param::name(server), Param::text(key_id)});
}

void forget_webhook_keys(std::string_view server) {
	static Statement erase("DELETE FROM ob.webhook_keys WHERE server = $1");
	erase.run({Param::name(server)});
}

std::string webhook_mapping_role(std::string_view server) {
	static Statement select("SELECT mapping_role FROM ob.connections WHERE server = $1 AND state <> 'disconnected' "
	                        "ORDER BY id DESC LIMIT 1");
	const Result found = select.read_fresh({Param::name(server)});
	return found.rows.empty() ? std::string() : found.rows.front().text(0);
}

} // namespace ob::pg::store
