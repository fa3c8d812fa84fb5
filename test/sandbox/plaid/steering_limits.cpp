// /_control/plaid/limits and institutions: what stands in the way of calls, whoever makes them.
#include "steering.hpp"

namespace ob::sandbox::plaid {

std::string steer_limits(State &state, std::string_view what, const std::string &body) {
	if (what != "set") {
		unknown_command("limits", what);
	}
	const Command command(body, {"path", "per_item", "per_client"});
	state.limits.set(command.text("path"), static_cast<std::uint64_t>(command.body.integer_of("per_item")),
	                 static_cast<std::uint64_t>(command.body.integer_of("per_client")));
	return "{\"done\":true}";
}

std::string steer_institutions(State &state, std::string_view what, const std::string &body) {
	if (what != "set") {
		unknown_command("institutions", what);
	}
	const Command command(body, {"institution_id", "error", "cached_too"});
	const std::string id = command.text("institution_id");
	if (command.body.get("error").is_null()) {
		state.troubled_banks.erase(id);
	} else {
		state.troubled_banks[id] = {command.text("error", "INSTITUTION_DOWN"), command.body.truth_of("cached_too")};
	}
	return "{\"done\":true}";
}

} // namespace ob::sandbox::plaid
