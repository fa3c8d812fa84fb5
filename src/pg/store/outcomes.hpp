// What the outcome worker intends and has done (table ob.outcomes). C++ regime; callers act as owner.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model.hpp"

namespace ob::pg::store {

/// A row of ob.outcomes. Phases: intent → answered → recorded → done, or failed.
struct Outcome {
	std::int64_t id = 0;
	std::string call_id;
	std::string kind; // exchange, remove, rotate, extend, failure
	std::string phase;
	std::string server;
	std::optional<ConnectionId> connection;
	std::string link_id;
	std::string grant_digest;
	std::string mapping_role;
	std::string sealed;       // intent: the grant, or the options of an extension; answered: the provider's answer
	std::string request_json; // facts to carry it out again, no secret
	std::string result_json;
	std::string failure_json;
	std::optional<Timestamp> created_at;

	bool is_open() const { return phase == "intent" || phase == "answered" || phase == "recorded"; }
};

/// Writes a new outcome in its first phase and returns its id; 0 for an exchange of a grant that was or is being
/// exchanged, or of a link that has another exchange under way.
std::int64_t insert_outcome(const Outcome &outcome);

// From one phase to a later one. Throws internal if it is past that already: an outcome that has ended stays so.

void set_answered(std::int64_t id, std::string_view sealed);
void set_recorded(std::int64_t id, ConnectionId connection, std::string_view result_json);
/// Ends it; the sealed bytes are dropped, and whom it was for.
void set_done(std::int64_t id, std::string_view result_json);
/// Ends it; an answer that came is kept, sealed.
void set_failed(std::int64_t id, std::string_view failure_json);

std::optional<Outcome> read_outcome(std::int64_t id);
/// Under a fresh snapshot, for a caller whose worker is gone.
std::optional<Outcome> read_outcome(std::string_view call_id);

// Under a fresh snapshot:

/// The exchange of a grant that has not failed.
std::optional<Outcome> find_exchange(std::string_view server, std::string_view grant_digest);
/// The one exchange of a link that is under way.
std::optional<Outcome> find_open_exchange(std::string_view link_id);
/// The rotation of a connection's token of which it is not known yet which token is the live one.
std::optional<std::int64_t> find_open_rotation(ConnectionId connection);
/// Whether its connection has been given tokens since it was last written: by a login, or a renewal.
bool has_newer_tokens(std::int64_t id);
/// The exchanges of a link that became connections, in order.
std::vector<Outcome> exchanges_of(std::string_view link_id);

/// Ids of outcomes that have not ended: of a link, of a connection, or all. Under a fresh snapshot.
struct OutcomeFilter {
	std::optional<ConnectionId> connection;
	std::string link_id;
};
std::vector<std::int64_t> open_outcomes(const OutcomeFilter &filter);

} // namespace ob::pg::store
