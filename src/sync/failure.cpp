// C++ regime.
#include "sync/failure.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "core/pure.hpp"

namespace ob::sync {

namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

/// When the next attempt is made; never earlier than the provider has said.
enum class Again {
	backoff, // full jitter: anything up to min(2^attempts × 1 min, 6 h), but not at once
	told,    // as long as we were told to wait, else 5 minutes
	hour,    // in an hour
	never,   // when something has changed: a new login, ob.retry
};

struct Rule {
	Again again;
	std::string_view state; // the connection's new one; empty: the trouble says nothing about the connection
	std::string_view sentence;
};

constexpr Rule kTransient{Again::backoff, "", "The bank's data could not be read; it is tried again by itself."};
constexpr Rule kLimited{Again::told, "", "The provider limits the number of calls; it is tried again by itself."};
constexpr Rule kDown{Again::hour, "", "The bank cannot be reached at the moment; it is tried again in an hour."};
constexpr Rule kReauth{Again::never, "reauth_required", "Please reconnect your bank."};
constexpr Rule kRevoked{Again::never, "revoked", "Please link your bank again."};
constexpr Rule kPermanent{Again::never, "error", "The bank's data cannot be read; see the error code."};
// Not a word about the connection: it works again as soon as the operator has acted, and by itself within the hour.
constexpr Rule kOperator{Again::hour, "", "The server's settings or credentials need the operator."};

const Rule &rule_for(Reaction reaction) {
	switch (reaction) {
	case Reaction::retry:
	case Reaction::not_ready:
	case Reaction::restart:        // data kept changing, more often than is chance
	case Reaction::cursor_invalid: // even from the beginning
		return kTransient;
	case Reaction::rate_limited:
		return kLimited;
	case Reaction::institution_down:
		return kDown;
	case Reaction::reauth:
		return kReauth;
	case Reaction::revoked:
		return kRevoked;
	case Reaction::permanent:
		return kPermanent;
	case Reaction::configuration:
		return kOperator;
	}
	return kTransient;
}

/// For errors that no provider decided upon.
const Rule &rule_for(ErrorCode code) {
	switch (code) {
	case ErrorCode::unreachable:
	case ErrorCode::deadline:
	case ErrorCode::bad_reply:
	case ErrorCode::provider_down:
	case ErrorCode::limit_exceeded:
	case ErrorCode::out_of_memory:
	case ErrorCode::no_worker:
	case ErrorCode::outcome_unknown:
	case ErrorCode::internal:
		return kTransient;
	case ErrorCode::rate_limited:
		return kLimited;
	case ErrorCode::reauth_required:
		return kReauth;
	case ErrorCode::refused:
		return kPermanent;
	case ErrorCode::invalid_argument:
	case ErrorCode::unknown_option:
	case ErrorCode::missing_option:
	case ErrorCode::unknown_column:
	case ErrorCode::wrong_column_type:
	case ErrorCode::not_found:
	case ErrorCode::not_allowed:
	case ErrorCode::not_configured:
	case ErrorCode::not_committed:
	case ErrorCode::invalid_transaction:
	case ErrorCode::unsupported:
	case ErrorCode::credentials_refused:
	case ErrorCode::unseal_failed:
	case ErrorCode::address_refused:
		return kOperator;
	}
	return kTransient;
}

std::uint64_t draw(const FailureContext &context, seconds upper) {
	const auto limit = static_cast<std::uint64_t>(std::max<std::int64_t>(upper.count(), 0));
	return context.random ? context.random(limit) : system_random()(limit);
}

/// On top: nobody comes earlier than told, and not all come at once.
Timestamp after(const FailureContext &context, seconds wait) {
	return context.now + wait + seconds(draw(context, wait / 10));
}

seconds backoff(const FailureContext &context) {
	constexpr seconds kLongest = 6h;
	const int doublings = std::clamp(context.attempts, 0, 10); // 2^10 minutes are beyond the longest already
	const seconds limit = std::min(seconds(1min) * (1 << doublings), kLongest);
	return 1s + seconds(draw(context, limit - 1s));
}

std::optional<Timestamp> next_attempt(Again again, const ProviderError *error, const FailureContext &context) {
	const std::optional<seconds> told = error ? error->retry_after() : std::nullopt;
	switch (again) {
	case Again::backoff:
		return told ? std::max(context.now + backoff(context), after(context, *told)) : context.now + backoff(context);
	case Again::told:
		return after(context, told.value_or(5min));
	case Again::hour:
		return after(context, std::max<seconds>(1h, told.value_or(0s)));
	case Again::never:
		break;
	}
	return std::nullopt;
}

} // namespace

SyncFailure decide_failure(const Error &error, const FailureContext &context) {
	const auto *provider_error = dynamic_cast<const ProviderError *>(&error);
	const Rule &rule = provider_error ? rule_for(provider_error->reaction()) : rule_for(error.code());
	SyncFailure failure;
	failure.code = error.code();
	failure.provider_code = sqlstate(error.code());
	if (provider_error) {
		failure.reaction = provider_error->reaction();
		if (!provider_error->provider_code().empty())
			failure.provider_code = provider_error->provider_code();
	}
	// The provider's table knows better than the reaction what its code asks for.
	failure.message = error.hint().empty() ? std::string(rule.sentence) : error.hint();
	failure.new_state = rule.state;
	if (failure.new_state == "reauth_required")
		failure.reauth_reason =
		    provider_error && !provider_error->reauth_reason().empty() ? provider_error->reauth_reason() : "login";
	failure.retry_at = next_attempt(rule.again, provider_error, context);
	return failure;
}

std::optional<SyncFailure> standing_failure(const ConnectionHealth &health) {
	if (!health.standing_error || rule_for(*health.standing_error).state.empty())
		return std::nullopt;
	const ErrorCode code =
	    *health.standing_error == Reaction::permanent ? ErrorCode::refused : ErrorCode::reauth_required;
	const ProviderError error(code, *health.standing_error, health.error_code, "the connection is broken", {},
	                          health.error_hint, std::nullopt, health.reauth_reason);
	return decide_failure(error, FailureContext());
}

std::optional<Timestamp> deferred_until(const Error &error, const FailureContext &context) {
	const auto *provider_error = dynamic_cast<const ProviderError *>(&error);
	const Rule &rule = provider_error ? rule_for(provider_error->reaction()) : rule_for(error.code());
	if (rule.again != Again::told)
		return std::nullopt;
	return next_attempt(rule.again, provider_error, context);
}

} // namespace ob::sync

#include "core/pure.hpp"
