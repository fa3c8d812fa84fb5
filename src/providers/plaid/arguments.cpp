// C++ regime.
#include "providers/plaid/arguments.hpp"

#include "providers/option_values.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

std::int64_t days_requested(const ServerConfig &server, json::Node option) {
	if (!option.exists())
		return parse_integer(server.option("days_requested")).value_or(90);
	const auto days = option.integer();
	if (!days || *days < 1 || *days > 730)
		bad_option("days_requested", "must be an integer from 1 to 730");
	return *days;
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
