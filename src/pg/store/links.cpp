#include "pg/store/links.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include "core/error.hpp"
#include "crypto/digest.hpp"
#include "crypto/seal.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

std::string place(std::string_view link_id, std::string_view column) {
	return crypto::associated({"ob.links", column, link_id});
}

std::string seal_for(const crypto::KeyRing &keys, std::string_view link_id, std::string_view column,
                     const Secret &value) {
	return value.empty() ? std::string() : crypto::seal(keys, value.reveal(), place(link_id, column));
}

Param connection_param(const std::optional<ConnectionId> &id) {
	return id ? Param::integer(*id) : Param::null(INT8OID);
}

Param bytes_or_null(std::string_view bytes) {
	return bytes.empty() ? Param::null(BYTEAOID) : Param::bytes(bytes);
}

Secret open_from(std::string_view link_id, std::string_view column, const std::string &sealed) {
	if (sealed.empty())
		return Secret();
	return unseal(sealed, place(link_id, column), std::string(column) + " of link " + std::string(link_id));
}

// One journey may bring several banks: its token is of use after the first.
#define OB_TAKES_SEVERAL "options @> '{\"enable_multi_item_link\": true}'"

} // namespace

void throw_ended(const Link &link) {
	throw Error(ErrorCode::not_configured, "the link is no longer open",
	            "link: " + link.link_id + ", state: " + (link.expired ? "expired" : link.state) +
	                (link.connection ? ", connection: " + std::to_string(*link.connection) : std::string()),
	            "Start a new one with ob.link.");
}

void insert_link(const Link &link, const std::optional<providers::LinkOffer> &offer) {
	static Statement insert(
	    "INSERT INTO ob.links (link_id, server, user_ref, kind, options, action, url_sealed, token_sealed, sdk, "
	    "mapping_role, expires_at, user_ip, token_digest, connection_id, error_code, server_version, verifier_sealed) "
	    "VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9::jsonb, $10, $11, $12::inet, $13, $14, $15, $16, $17)");
	std::string url, token, verifier, digest;
	if (offer) {
		const crypto::KeyRing keys = load_keys();
		url = seal_for(keys, link.link_id, "url_sealed", offer->url);
		token = seal_for(keys, link.link_id, "token_sealed", offer->token);
		verifier = seal_for(keys, link.link_id, "verifier_sealed", offer->verifier);
		if (!offer->token.empty())
			digest = crypto::sha256_hex(offer->token.reveal());
	}
	insert.run({Param::text(link.link_id), Param::name(link.server), Param::text(link.user_ref), Param::text(link.kind),
	            Param::text(link.options_json), Param::text_or_null(offer ? offer->action : ""), bytes_or_null(url),
	            bytes_or_null(token), Param::text_or_null(offer ? offer->sdk_json : ""), Param::name(link.mapping_role),
	            Param::timestamp(link.expires_at), Param::text_or_null(link.user_ip), Param::text_or_null(digest),
	            connection_param(link.connection), Param::text_or_null(link.error_code),
	            Param::text_or_null(link.server_version), bytes_or_null(verifier)});
}

std::string find_link_by_token(const Secret &token) {
	static Statement select("SELECT link_id FROM ob.links WHERE token_digest = $1 ORDER BY created_at DESC LIMIT 1");
	const Result found = select.read_fresh({Param::text(crypto::sha256_hex(token.reveal()))});
	return found.rows.empty() ? std::string() : found.rows.front().text(0);
}

std::string find_link_by_digest(std::string_view server, std::string_view digest) {
	static Statement select("SELECT link_id FROM ob.links WHERE token_digest = $2 AND server = $1 "
	                        "ORDER BY created_at DESC LIMIT 1");
	const Result found = select.read_fresh({Param::name(server), Param::text(digest)});
	return found.rows.empty() ? std::string() : found.rows.front().text(0);
}

std::optional<Link> find_link(std::string_view link_id) {
	static Statement select("SELECT link_id, server, user_ref, kind, options::text, connection_id, state, reason, "
	                        "mapping_role, user_ip::text, (extract(epoch from expires_at) * 1000000)::bigint, "
	                        "state = 'open' AND expires_at <= clock_timestamp(), " OB_TAKES_SEVERAL
	                        " FROM ob.links WHERE link_id = $1");
	const Result found = select.read_fresh({Param::text(link_id)});
	if (found.rows.empty())
		return std::nullopt;
	const Row &row = found.rows.front();
	Link link;
	link.link_id = row.text(0);
	link.server = row.text(1);
	link.user_ref = row.text(2);
	link.kind = row.text(3);
	link.options_json = row.text(4);
	if (!row.is_null(5))
		link.connection = row.integer(5);
	link.state = row.text(6);
	link.reason = row.text(7);
	link.mapping_role = row.text(8);
	link.user_ip = row.text(9);
	link.expires_at = row.timestamp(10);
	link.expired = row.boolean(11);
	link.takes_several = row.boolean(12);
	return link;
}

bool hold_link(std::string_view link_id) {
	// The weakest lock: callers may have changed the row, and not committed that.
	static Statement hold("SELECT 1 FROM ob.links WHERE link_id = $1 FOR KEY SHARE");
	return !hold.run({Param::text(link_id)}).rows.empty();
}

Secret read_link_token(std::string_view link_id) {
	static Statement select("SELECT token_sealed FROM ob.links WHERE link_id = $1");
	const Result found = select.read_fresh({Param::text(link_id)});
	if (found.rows.empty() || found.rows.front().is_null(0))
		return Secret();
	return open_from(link_id, "token_sealed", found.rows.front().text(0));
}

Secret read_link_verifier(std::string_view link_id) {
	static Statement select("SELECT verifier_sealed FROM ob.links WHERE link_id = $1 AND verifier_sealed IS NOT NULL");
	const Result found = select.read_fresh({Param::text(link_id)});
	return found.rows.empty() ? Secret() : open_from(link_id, "verifier_sealed", found.rows.front().text(0));
}

namespace {

#define OB_OFFER_COLUMNS                                                                                               \
	"link_id, action, url_sealed, token_sealed, sdk::text, (extract(epoch from expires_at) * 1000000)::bigint "

OpenLink open_link(const Row &row) {
	OpenLink link;
	link.link_id = row.text(0);
	link.offer.action = row.text(1);
	link.offer.url = open_from(link.link_id, "url_sealed", row.text(2));
	link.offer.token = open_from(link.link_id, "token_sealed", row.text(3));
	link.offer.sdk_json = row.text(4);
	link.offer.expires_at = row.timestamp(5);
	return link;
}

} // namespace

std::optional<OpenLink> read_offer(std::string_view link_id) {
	static Statement select("SELECT " OB_OFFER_COLUMNS "FROM ob.links WHERE link_id = $1");
	const Result found = select.read_fresh({Param::text(link_id)});
	return found.rows.empty() ? std::nullopt : std::optional(open_link(found.rows.front()));
}

std::optional<OpenLink> find_open_link(const Link &wanted) {
	static Statement select(
	    "SELECT " OB_OFFER_COLUMNS
	    "FROM ob.links l WHERE server = $1 AND user_ref = $2 AND kind = $3 AND options = $4::jsonb AND state = 'open' "
	    "AND connection_id IS NOT DISTINCT FROM $5 AND error_code IS NOT DISTINCT FROM $6 AND server_version = $7 "
	    // A journey that has brought something is over: providers let nobody walk it twice.
	    "AND reason IS NULL AND NOT EXISTS (SELECT FROM ob.outcomes o WHERE o.link_id = l.link_id) "
	    // A link about to expire is of no use to someone who has yet to open it.
	    "AND expires_at > clock_timestamp() + interval '1 minute' ORDER BY created_at DESC LIMIT 1");
	const Result found = select.run({Param::name(wanted.server), Param::text(wanted.user_ref), Param::text(wanted.kind),
	                                 Param::text(wanted.options_json), connection_param(wanted.connection),
	                                 Param::text_or_null(wanted.error_code), Param::text(wanted.server_version)});
	if (found.rows.empty())
		return std::nullopt;
	return open_link(found.rows.front());
}

void complete_link(std::string_view link_id, ConnectionId connection) {
	static Statement update("UPDATE ob.links SET state = 'completed', reason = NULL, "
	                        "connection_id = COALESCE(connection_id, $2), url_sealed = NULL, verifier_sealed = NULL, "
	                        "token_sealed = CASE WHEN " OB_TAKES_SEVERAL " THEN token_sealed END, "
	                        "updated_at = clock_timestamp() WHERE link_id = $1");
	update.run({Param::text(link_id), Param::integer(connection)});
}

void mark_refused(std::string_view link_id, std::string_view reason) {
	static Statement update("UPDATE ob.links SET reason = $2, updated_at = clock_timestamp() WHERE link_id = $1 "
	                        "AND state = 'open'");
	update.run({Param::text(link_id), Param::text(reason)});
}

void end_link(std::string_view link_id, std::string_view state, std::string_view reason) {
	static Statement update("UPDATE ob.links SET state = $2, reason = $3, url_sealed = NULL, token_sealed = NULL, "
	                        "verifier_sealed = NULL, "
	                        "updated_at = clock_timestamp() WHERE link_id = $1 AND state = 'open'");
	update.run({Param::text(link_id), Param::text(state), Param::text_or_null(reason)});
}

} // namespace ob::pg::store
