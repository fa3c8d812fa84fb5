// /_control/plaid/webhooks and /_control/plaid/limits: forged signatures, new keys, webhooks out of the blue.
#include "events.hpp"
#include "steering.hpp"

namespace ob::sandbox::plaid {

namespace {

// The header of a body that is never sent; every claim can be made wrong.
std::string sign(State &state, const std::string &text) {
	const Command command(text, {"body", "kid", "alg", "typ", "iat", "digest"});
	SigningKeys::Claims claims;
	claims.kid = command.text("kid");
	claims.algorithm = command.text("alg", claims.algorithm);
	claims.type = command.text("typ", claims.type);
	claims.issued = state.world.clock.now();
	if (command.body.has("iat")) {
		claims.issued = Time{std::chrono::seconds{command.body.integer_of("iat")}};
	}
	if (command.body.has("digest")) {
		claims.digest = command.text("digest");
	}
	return ObjectText{}
	    .string("header", state.keys.sign(command.text("body"), claims, state.world))
	    .string("kid", state.keys.current(state.world))
	    .end();
}

} // namespace

std::string steer_webhooks(State &state, std::string_view what, const std::string &body) {
	if (what == "sign") {
		return sign(state, body);
	}
	if (what == "rotate_key") {
		const Command command(body, {"expire_old"});
		return ObjectText{}.string("kid", state.keys.rotate(state.world, command.body.truth_of("expire_old"))).end();
	}
	if (what == "fire") {
		const Command command(body, {"item_id", "access_token", "items", "type", "code"});
		for (Item *item : items_of(state, command)) {
			if (!fire(state, *item, command.text("type", "TRANSACTIONS"), command.text("code"))) {
				throw ControlError{"this webhook cannot be fired for an item"};
			}
		}
		return "{\"done\":true}";
	}
	unknown_command("webhooks", what);
}

} // namespace ob::sandbox::plaid
