// The endpoint that webhook signatures are checked with.
#include "state.hpp"

namespace ob::sandbox::plaid {

namespace {

// Plaid: an unknown key id gives INVALID_WEBHOOK_VERIFICATION_KEY_ID.
ObjectText get_key(Call &call) {
	const auto key = call.state.keys.public_key(call.body.text_of("key_id"));
	if (!key) {
		fail("INVALID_WEBHOOK_VERIFICATION_KEY_ID");
	}
	ObjectText out;
	out.raw("key", *key);
	return out;
}

} // namespace

std::vector<Route> webhook_routes() {
	return {{"/webhook_verification_key/get", get_key, {string_field("key_id").required()}}};
}

} // namespace ob::sandbox::plaid
