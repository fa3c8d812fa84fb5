// ob.seal. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/servers.hpp"
#include "providers/sealed_option.hpp"

namespace ob::pg::sqlapi {

namespace {

std::string seal_option(const std::string &server, const std::string &option, const std::string &secret) {
	store::check_usage(server);
	return providers::seal_option(store::load_keys(), server, option, secret);
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_seal) {
	return return_text(seal_option(required(name_argument(fcinfo, 0), "server"),
	                               required(text_argument(fcinfo, 1), "option"),
	                               required(text_argument(fcinfo, 2), "secret")));
}
