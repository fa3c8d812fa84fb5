// C++ regime.
#include "providers/shortage.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/time.hpp"

#include "core/pure.hpp"

namespace ob::providers {

ProviderError shortage_error(const Shortage &shortage, const Session &session, std::string detail,
                             std::string_view call_class) {
	using namespace std::chrono;
	const Timestamp now = session.clock->now();
	const auto wait = std::max(ceil<seconds>(shortage.free_at - now), 1s);
	detail.append(", budget ").append(call_class).append(" of ");
	detail += shortage.of_connection ? "connection " + std::to_string(*session.connection)
	                                 : "server \"" + session.server->name + "\"";
	detail += ": " + std::to_string(shortage.limit.calls) + " calls in " +
	          std::to_string(shortage.limit.period.count()) + " s, no call was made";
	std::string hint = "Try again after " + time::format_timestamp(ceil<seconds>(now + wait));
	hint += shortage.unattended
	            ? ", or name the address of the person who asks: banks allow few calls a day while nobody "
	              "is there."
	            : "; see ob.budget_status and the server's option limits.";
	return ProviderError(ErrorCode::rate_limited, Reaction::rate_limited, {},
	                     "the budget of calls to " + session.server->provider + " is used up", std::move(detail),
	                     std::move(hint), wait);
}

} // namespace ob::providers

#include "core/pure.hpp"
