#include "pg/store/outcomes.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include "core/error.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

#define OB_OUTCOME_COLUMNS                                                                                             \
	"id, call_id, kind, phase, server, connection_id, link_id, grant_digest, mapping_role, sealed, request::text, "    \
	"result::text, failure::text, (extract(epoch from created_at) * 1000000)::bigint"

Outcome from_row(const Row &row) {
	Outcome outcome;
	outcome.id = row.integer(0);
	outcome.call_id = row.text(1);
	outcome.kind = row.text(2);
	outcome.phase = row.text(3);
	outcome.server = row.text(4);
	if (!row.is_null(5))
		outcome.connection = row.integer(5);
	outcome.link_id = row.text(6);
	outcome.grant_digest = row.text(7);
	outcome.mapping_role = row.text(8);
	outcome.sealed = row.text(9);
	outcome.request_json = row.text(10);
	outcome.result_json = row.text(11);
	outcome.failure_json = row.text(12);
	outcome.created_at = row.timestamp(13);
	return outcome;
}

std::optional<Outcome> first(const Result &found) {
	if (found.rows.empty())
		return std::nullopt;
	return from_row(found.rows.front());
}

Param connection_param(const std::optional<ConnectionId> &id) {
	return id ? Param::integer(*id) : Param::null(INT8OID);
}

// Whom it was for is known to its link or connection; here it was needed to carry the outcome on.
#define OB_WITHOUT_PERSON " - ARRAY['user_ref', 'user_ip', 'acting']"

/// An outcome that has ended is never reopened, nor does it go back.
void check_moved(const Result &updated, std::int64_t id) {
	if (updated.processed != 1)
		throw Error(ErrorCode::internal, "outcome " + std::to_string(id) + " is not in the phase for this step");
}

} // namespace

std::int64_t insert_outcome(const Outcome &outcome) {
	static Statement insert(
	    "INSERT INTO ob.outcomes (call_id, kind, phase, server, connection_id, link_id, grant_digest, mapping_role, "
	    "sealed, request) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb) ON CONFLICT DO NOTHING RETURNING id");
	const Result inserted = insert.run({Param::text(outcome.call_id), Param::text(outcome.kind),
	                                    Param::text(outcome.phase), Param::name(outcome.server),
	                                    connection_param(outcome.connection), Param::text_or_null(outcome.link_id),
	                                    Param::text_or_null(outcome.grant_digest), Param::name(outcome.mapping_role),
	                                    outcome.sealed.empty() ? Param::null(BYTEAOID) : Param::bytes(outcome.sealed),
	                                    Param::text(outcome.request_json.empty() ? "{}" : outcome.request_json)});
	return inserted.rows.empty() ? 0 : inserted.rows.front().integer(0);
}

void set_answered(std::int64_t id, std::string_view sealed) {
	static Statement update("UPDATE ob.outcomes SET phase = 'answered', sealed = $2, updated_at = clock_timestamp() "
	                        "WHERE id = $1 AND phase = 'intent'");
	check_moved(update.run({Param::integer(id), Param::bytes(sealed)}), id);
}

void set_recorded(std::int64_t id, ConnectionId connection, std::string_view result_json) {
	static Statement update("UPDATE ob.outcomes SET phase = 'recorded', sealed = NULL, connection_id = $2, "
	                        "result = $3::jsonb, updated_at = clock_timestamp() "
	                        "WHERE id = $1 AND phase IN ('intent', 'answered')");
	check_moved(update.run({Param::integer(id), Param::integer(connection), Param::text_or_null(result_json)}), id);
}

void set_done(std::int64_t id, std::string_view result_json) {
	static Statement update("UPDATE ob.outcomes SET phase = 'done', sealed = NULL, "
	                        "result = COALESCE($2::jsonb, result), request = request" OB_WITHOUT_PERSON
	                        ", updated_at = clock_timestamp() "
	                        "WHERE id = $1 AND phase IN ('intent', 'answered', 'recorded')");
	check_moved(update.run({Param::integer(id), Param::text_or_null(result_json)}), id);
}

void set_failed(std::int64_t id, std::string_view failure_json) {
	static Statement update("UPDATE ob.outcomes SET phase = 'failed', failure = $2::jsonb, "
	                        // What a provider has handed out is not thrown away.
	                        "sealed = CASE WHEN phase = 'answered' THEN sealed END, request = request" OB_WITHOUT_PERSON
	                        ", updated_at = clock_timestamp() "
	                        "WHERE id = $1 AND phase IN ('intent', 'answered', 'recorded')");
	check_moved(update.run({Param::integer(id), Param::text_or_null(failure_json)}), id);
}

std::optional<Outcome> read_outcome(std::int64_t id) {
	static Statement select("SELECT " OB_OUTCOME_COLUMNS " FROM ob.outcomes WHERE id = $1");
	return first(select.read_fresh({Param::integer(id)}));
}

std::optional<Outcome> read_outcome(std::string_view call_id) {
	static Statement select("SELECT " OB_OUTCOME_COLUMNS " FROM ob.outcomes WHERE call_id = $1");
	return first(select.read_fresh({Param::text(call_id)}));
}

std::optional<Outcome> find_exchange(std::string_view server, std::string_view grant_digest) {
	static Statement select("SELECT " OB_OUTCOME_COLUMNS
	                        " FROM ob.outcomes WHERE kind = 'exchange' AND phase <> 'failed' "
	                        "AND server = $1 AND grant_digest = $2");
	return first(select.read_fresh({Param::name(server), Param::text(grant_digest)}));
}

std::optional<Outcome> find_open_exchange(std::string_view link_id) {
	static Statement select("SELECT " OB_OUTCOME_COLUMNS " FROM ob.outcomes WHERE kind = 'exchange' "
	                        "AND phase IN ('intent', 'answered') AND link_id = $1");
	return first(select.read_fresh({Param::text(link_id)}));
}

std::optional<std::int64_t> find_open_rotation(ConnectionId connection) {
	static Statement select("SELECT id FROM ob.outcomes WHERE kind = 'rotate' AND phase IN ('intent', 'answered') "
	                        "AND connection_id = $1 ORDER BY id LIMIT 1");
	const Result found = select.read_fresh({Param::integer(connection)});
	if (found.rows.empty())
		return std::nullopt;
	return found.rows.front().integer(0);
}

bool has_newer_tokens(std::int64_t id) {
	static Statement select("SELECT 1 FROM ob.outcomes o JOIN ob.tokens t ON t.server = o.server "
	                        "AND t.subject = 'connection:' || o.connection_id AND t.created_at > o.updated_at "
	                        "WHERE o.id = $1 LIMIT 1");
	return !select.read_fresh({Param::integer(id)}).rows.empty();
}

std::vector<Outcome> exchanges_of(std::string_view link_id) {
	static Statement select("SELECT " OB_OUTCOME_COLUMNS " FROM ob.outcomes WHERE kind = 'exchange' "
	                        "AND phase IN ('recorded', 'done') AND link_id = $1 ORDER BY id");
	std::vector<Outcome> outcomes;
	for (const Row &row : select.read_fresh({Param::text(link_id)}).rows)
		outcomes.push_back(from_row(row));
	return outcomes;
}

std::vector<std::int64_t> open_outcomes(const OutcomeFilter &filter) {
	static Statement select("SELECT id FROM ob.outcomes WHERE phase IN ('intent', 'answered', 'recorded') "
	                        "AND ($1 IS NULL OR connection_id = $1) AND ($2 IS NULL OR link_id = $2) ORDER BY id");
	const Result found = select.read_fresh({connection_param(filter.connection), Param::text_or_null(filter.link_id)});
	std::vector<std::int64_t> ids;
	for (const Row &row : found.rows)
		ids.push_back(row.integer(0));
	return ids;
}

} // namespace ob::pg::store
