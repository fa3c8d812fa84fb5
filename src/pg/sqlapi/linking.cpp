#include "pg/sqlapi/linking.hpp"

#include "crypto/random.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/duplicates.hpp"
#include "pg/store/owner.hpp"

namespace ob::pg::sqlapi {

namespace {

// Long enough that none is guessed: it is the only thing that ties a bank's answer to a user.
constexpr std::size_t kLinkIdBytes = 24;

} // namespace

std::string user_ref_argument(FunctionCallInfo fcinfo, int index) {
	std::string user_ref = required(text_argument(fcinfo, index), "user_ref");
	if (user_ref.empty())
		throw Error(ErrorCode::invalid_argument, "argument \"user_ref\" must not be empty", {},
		            "Pass your own stable id of the end user, such as a primary key; no personal data.");
	return user_ref;
}

std::string new_link_id() {
	return std::string(crypto::token_urlsafe(kLinkIdBytes).reveal());
}

store::Link find_link(std::string_view link_id) {
	std::optional<store::Link> link;
	store::as_owner([&] { link = store::find_link(link_id); });
	if (!link)
		throw Error(ErrorCode::not_found, "there is no such link", {},
		            "Pass the link_id that ob.link returned, or a response with its state or link_token.");
	store::check_usage(link->server);
	return std::move(*link);
}

Fields connection_row(ConnectionId id, std::string notice) {
	const store::Connection connection = store::find_connection(id);
	std::optional<ConnectionId> twin;
	store::as_owner([&] { twin = store::find_duplicate(id); });
	if (twin && notice.empty())
		notice = "the same accounts are linked as connection " + std::to_string(*twin) +
		         " already: disconnect one of the two";
	return {field(id), field(connection.state), field(connection.institution_name), twin ? field(*twin) : Field(),
	        field(notice)};
}

Fields status_row(std::string_view status, std::string_view notice) {
	return {Field(), field(status), Field(), Field(), field(notice)};
}

Fields duplicate_row(ConnectionId of, const std::string &institution_name) {
	return {
	    Field(), Field("duplicate"), field(institution_name), field(of),
	    Field("these accounts are linked as connection " + std::to_string(of) +
	          " already, so nothing was exchanged: repair that one with ob.relink, or pass \"allow_duplicate\": true")};
}

} // namespace ob::pg::sqlapi
