#include "pg/store/outcomes.hpp"

extern "C" {
#include "catalog/pg_type.h"
}

#include "core/error.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

#define OB_OUTCOME_COLUMNS                                                                                             \
	"id, call_id, kind, phase, server, connection_id, link_id, grant_digest, mapping_role, sealed, request::text, "        \
	"result::text, failure::text, (extract(epoch from created_at) * 1000000)::bigint"

std::optional<Outcome> first(const Result &found) {
	if (found.rows.empty())
		return std::nullopt;
	const Row &row = found.rows.front();
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

Param connection_param(const std::optional<ConnectionId> &id) {
	return id ? Param::integer(*id) : Param::null(INT8OID);
}

} // namespace

std::int64_t insert_outcome(const Outcome &outcome) {
	static Statement insert(
		"INSERT INTO ob.outcomes (call_id, kind, phase, server, connection_id, link_id, grant_digest, mapping_role, "
		"sealed, request) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb) ON CONFLICT DO NOTHING RETURNING id");
	const Result inserted = insert.run(
		{Param::text(outcome.call_id), Param::text(outcome.kind), Param::text(outcome.phase), Param::name(outcome.server),
		 connection_param(outcome.connection), Param::text_or_null(outcome.link_id),
		 Param::text_or_null(outcome.grant_digest), Param::name(outcome.mapping_role),
		 outcome.sealed.empty() ? Param::null(BYTEAOID) : Param::bytes(outcome.sealed),
		 Param::text(outcome.request_json.empty() ? "{}" : outcome.request_json)});
	if (inserted.rows.empty())
		throw Error(ErrorCode::not_configured, "this token was exchanged already or is being exchanged",
					"server: " + outcome.server, "See the view ob.connection_status for the connection it became.");
	return inserted.rows.front().integer(0);
}

void set_answered(std::int64_t id, std::string_view sealed) {
	static Statement update("UPDATE ob.outcomes SET phase = 'answered', sealed = $2, updated_at = clock_timestamp() "
							"WHERE id = $1");
	update.run({Param::integer(id), Param::bytes(sealed)});
}

void set_recorded(std::int64_t id, std::string_view result_json) {
	static Statement update("UPDATE ob.outcomes SET phase = 'recorded', sealed = NULL, result = $2::jsonb, "
							"updated_at = clock_timestamp() WHERE id = $1");
	update.run({Param::integer(id), Param::text_or_null(result_json)});
}

void set_done(std::int64_t id, std::string_view result_json) {
	static Statement update("UPDATE ob.outcomes SET phase = 'done', sealed = NULL, "
							"result = COALESCE($2::jsonb, result), updated_at = clock_timestamp() WHERE id = $1");
	update.run({Param::integer(id), Param::text_or_null(result_json)});
}

void set_failed(std::int64_t id, std::string_view failure_json) {
	static Statement update("UPDATE ob.outcomes SET phase = 'failed', sealed = NULL, failure = $2::jsonb, "
							"updated_at = clock_timestamp() WHERE id = $1");
	update.run({Param::integer(id), Param::text_or_null(failure_json)});
}

std::optional<Outcome> read_outcome(std::int64_t id) {
	static Statement select("SELECT " OB_OUTCOME_COLUMNS " FROM ob.outcomes WHERE id = $1");
	return first(select.read_fresh({Param::integer(id)}));
}

std::optional<Outcome> read_outcome(std::string_view call_id) {
	static Statement select("SELECT " OB_OUTCOME_COLUMNS " FROM ob.outcomes WHERE call_id = $1");
	return first(select.read_fresh({Param::text(call_id)}));
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
