// ob.retry_credentials: what a provider refused may be sent again. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/client_checks.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/servers.hpp"

namespace ob::pg::sqlapi {

namespace {

std::int64_t retry_credentials(const std::string &server) {
	store::check_usage(server);
	std::int64_t lifted = 0;
	store::as_owner([&] {
		for (const store::Client &client : store::refused_clients({server}))
			lifted += store::lift_refusal(client);
		if (lifted > 0)
			store::audit({.action = "CREDENTIALS_RETRIED", .server = server});
	});
	return lifted;
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_retry_credentials) {
	return Int64GetDatum(retry_credentials(required(name_argument(fcinfo, 0), "server")));
}
