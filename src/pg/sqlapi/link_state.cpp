// ob.link_status, ob.link_cancel. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/linking.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/store/owner.hpp"
#include "pg/worker/client.hpp"

namespace ob::pg::sqlapi {

namespace {

store::Link find_settled(const std::string &link_id) {
	(void)find_link(link_id);
	run(worker::recover(std::nullopt, link_id));
	return find_link(link_id);
}

Fields status(const std::string &link_id) {
	const store::Link link = find_settled(link_id);
	return {field(link.expired ? "expired" : link.state), field(link.reason),
	        link.connection ? field(*link.connection) : Field(), field(link.expires_at)};
}

void cancel(const std::string &link_id) {
	const store::Link link = find_settled(link_id);
	if (link.state == "cancelled")
		return;
	if (link.state != "open")
		store::throw_ended(link);
	store::as_owner([&] {
		if (store::find_open_exchange(link_id))
			throw Error(ErrorCode::not_configured, "the link is being completed", "link: " + link_id,
			            "See ob.link_status; disconnect what comes of it.");
		store::end_link(link_id, "cancelled", "cancelled");
	});
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_link_status) {
	return return_row(fcinfo, status(required(text_argument(fcinfo, 0), "link_id")));
}

OB_FUNCTION(ob_link_cancel) {
	cancel(required(text_argument(fcinfo, 0), "link_id"));
	return return_text("cancelled");
}
