// ob.seal. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "crypto/seal.hpp"
#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/servers.hpp"
#include "providers/options.hpp"

namespace ob::pg::sqlapi {

namespace {

std::string seal_option(const std::string &server, const std::string &option, const std::string &secret) {
	store::check_usage(server);
	const auto *spec = providers::find_option(providers::OptionCatalog::user_mapping, option);
	if (!spec || !spec->secret)
		throw Error(ErrorCode::unknown_option, "\"" + option + "\" is no secret option of a user mapping", {},
					"Secret options are client_secret, webhook_secret and their like.");
	return crypto::to_text(crypto::seal(store::load_keys(), secret, store::option_place(server, option)));
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_seal) {
	return return_text(seal_option(required(name_argument(fcinfo, 0), "server"), required(text_argument(fcinfo, 1), "option"),
								   required(text_argument(fcinfo, 2), "secret")));
}
