// C++ regime.
#include "sync/breaker.hpp"

#include <algorithm>

#include "core/pure.hpp"

namespace ob::sync {

namespace {

using namespace std::chrono_literals;

struct Rule {
	std::int64_t failures; // so many in a row open it
	std::chrono::seconds first;
	std::chrono::seconds longest; // doubled up to here with each failure that follows
};

// A bank that is down is down for all its users; a few may still have met trouble of their own.
constexpr Rule kInstitution{3, 30min, 6h};
// Each attempt is three tries already.
constexpr Rule kServer{5, 1min, 1h};

} // namespace

std::optional<BreakerScope> breaker_scope(const SyncFailure &failure) {
	if (failure.reaction == Reaction::institution_down)
		return BreakerScope::institution;
	switch (failure.code) {
	case ErrorCode::unreachable:
	case ErrorCode::deadline:
	case ErrorCode::provider_down:
		return BreakerScope::server;
	default:
		return std::nullopt;
	}
}

bool is_answer(const SyncFailure &failure) {
	// Refused credentials are remembered: nobody may have been asked.
	return failure.reaction.has_value() && failure.code != ErrorCode::credentials_refused &&
	       breaker_scope(failure) != BreakerScope::server;
}

std::chrono::seconds breaker_opens_for(BreakerScope scope, std::int64_t failures) {
	const Rule &rule = scope == BreakerScope::institution ? kInstitution : kServer;
	if (failures < rule.failures)
		return 0s;
	const auto doublings = std::min<std::int64_t>(failures - rule.failures, 20);
	return std::min<std::chrono::seconds>(rule.first * (std::int64_t{1} << doublings), rule.longest);
}

} // namespace ob::sync

#include "core/pure.hpp"
