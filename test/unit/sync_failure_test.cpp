#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "core/time.hpp"
#include "providers/plaid/errors.hpp"
#include "sync/failure.hpp"

namespace ob::sync {
namespace {

using namespace std::chrono_literals;

const Timestamp kNow = *time::parse_timestamp("2026-03-10T12:00:00Z");

/// Draws the smallest or the greatest number.
FailureContext context(std::int32_t attempts = 0, bool greatest = false) {
	FailureContext context;
	context.now = kNow;
	context.attempts = attempts;
	context.random = [greatest](std::uint64_t upper) { return greatest ? upper : 0; };
	return context;
}

ProviderError provider_error(Reaction reaction, std::optional<std::chrono::seconds> retry_after = {}) {
	return ProviderError(ErrorCode::refused, reaction, "SOME_CODE", "message", "detail", "", retry_after);
}

struct Row {
	Reaction reaction;
	const char *state;
	std::optional<std::chrono::seconds> wait; // least
};

TEST(SyncFailure, DecidesByReaction) {
	for (const Row &row : {Row{Reaction::retry, "", 1s}, Row{Reaction::not_ready, "", 1s},
	                       Row{Reaction::restart, "", 1s}, Row{Reaction::cursor_invalid, "", 1s},
	                       Row{Reaction::rate_limited, "", 300s}, Row{Reaction::institution_down, "", 3600s},
	                       Row{Reaction::reauth, "reauth_required", {}}, Row{Reaction::revoked, "revoked", {}},
	                       Row{Reaction::permanent, "error", {}}, Row{Reaction::configuration, "", 3600s}}) {
		const SyncFailure failure = decide_failure(provider_error(row.reaction), context());
		EXPECT_EQ(failure.new_state, row.state);
		EXPECT_EQ(failure.reaction, row.reaction);
		EXPECT_EQ(failure.provider_code, "SOME_CODE");
		EXPECT_EQ(failure.code, ErrorCode::refused);
		EXPECT_FALSE(failure.message.empty());
		if (row.wait) {
			EXPECT_EQ(failure.retry_at, kNow + *row.wait);
		} else {
			EXPECT_FALSE(failure.retry_at);
		}
		EXPECT_EQ(failure.reauth_reason, row.reaction == Reaction::reauth ? "login" : "");
	}
}

TEST(SyncFailure, DecidesWithoutAProvidersWord) {
	for (const ErrorCode code : {ErrorCode::unreachable, ErrorCode::deadline, ErrorCode::bad_reply,
	                             ErrorCode::limit_exceeded, ErrorCode::no_worker, ErrorCode::internal}) {
		const SyncFailure failure = decide_failure(Error(code, "m"), context());
		EXPECT_EQ(failure.new_state, "");
		EXPECT_FALSE(failure.reaction);
		EXPECT_EQ(failure.provider_code, sqlstate(code));
		EXPECT_EQ(failure.retry_at, kNow + 1s);
	}
	for (const ErrorCode code : {ErrorCode::missing_option, ErrorCode::credentials_refused, ErrorCode::unseal_failed,
	                             ErrorCode::address_refused, ErrorCode::not_configured}) {
		const SyncFailure failure = decide_failure(Error(code, "m"), context());
		EXPECT_EQ(failure.new_state, "") << "says nothing about the connection";
		EXPECT_EQ(failure.retry_at, kNow + 1h);
	}
}

TEST(SyncFailure, BacksOff) {
	EXPECT_EQ(decide_failure(Error(ErrorCode::unreachable, "m"), context(0, true)).retry_at, kNow + 1min);
	EXPECT_EQ(decide_failure(Error(ErrorCode::unreachable, "m"), context(1, true)).retry_at, kNow + 2min);
	EXPECT_EQ(decide_failure(Error(ErrorCode::unreachable, "m"), context(5, true)).retry_at, kNow + 32min);
	EXPECT_EQ(decide_failure(Error(ErrorCode::unreachable, "m"), context(5)).retry_at, kNow + 1s);
	EXPECT_EQ(decide_failure(Error(ErrorCode::unreachable, "m"), context(9, true)).retry_at, kNow + 6h);
	EXPECT_EQ(decide_failure(Error(ErrorCode::unreachable, "m"), context(2'000'000'000, true)).retry_at, kNow + 6h);
	EXPECT_EQ(decide_failure(Error(ErrorCode::unreachable, "m"), context(-1, true)).retry_at, kNow + 1min);
}

TEST(SyncFailure, WaitsAsToldAndALittleLonger) {
	EXPECT_EQ(deferred_until(provider_error(Reaction::rate_limited, 60s), context()), kNow + 60s);
	EXPECT_EQ(deferred_until(provider_error(Reaction::rate_limited, 60s), context(0, true)), kNow + 66s);
	EXPECT_EQ(deferred_until(provider_error(Reaction::rate_limited), context()), kNow + 5min);
	EXPECT_EQ(deferred_until(Error(ErrorCode::rate_limited, "m"), context()), kNow + 5min);
	EXPECT_FALSE(deferred_until(provider_error(Reaction::institution_down), context()));
	EXPECT_FALSE(deferred_until(provider_error(Reaction::retry, 60s), context()));
	EXPECT_EQ(decide_failure(provider_error(Reaction::institution_down), context(0, true)).retry_at, kNow + 66min);
}

TEST(SyncFailure, NeverComesEarlierThanTold) {
	EXPECT_EQ(decide_failure(provider_error(Reaction::retry, 600s), context()).retry_at, kNow + 600s);
	EXPECT_EQ(decide_failure(provider_error(Reaction::retry, 600s), context(0, true)).retry_at, kNow + 660s);
	EXPECT_EQ(decide_failure(provider_error(Reaction::retry, 5s), context(3, true)).retry_at, kNow + 8min);
	EXPECT_EQ(decide_failure(provider_error(Reaction::institution_down, 2h), context()).retry_at, kNow + 2h);
	EXPECT_EQ(decide_failure(provider_error(Reaction::institution_down, 60s), context()).retry_at, kNow + 1h);
	EXPECT_FALSE(decide_failure(provider_error(Reaction::permanent, 60s), context()).retry_at);
}

// Whatever is thrown has its row.
TEST(SyncFailure, KnowsEveryError) {
	for (int number = 0; number <= static_cast<int>(ErrorCode::internal); ++number) {
		const auto code = static_cast<ErrorCode>(number);
		const SyncFailure failure = decide_failure(Error(code, "m"), context());
		EXPECT_FALSE(failure.message.empty()) << number;
		EXPECT_EQ(failure.provider_code, sqlstate(code));
		const bool needs_somebody = code == ErrorCode::reauth_required || code == ErrorCode::refused;
		EXPECT_EQ(failure.new_state.empty(), !needs_somebody) << number;
		EXPECT_EQ(failure.retry_at.has_value(), !needs_somebody) << number;
	}
}

TEST(SyncFailure, SaysWhatTheUserCanDo) {
	const auto message = [](Reaction reaction, const char *hint) {
		return decide_failure(ProviderError(ErrorCode::refused, reaction, "C", "m", "d", hint), context()).message;
	};
	EXPECT_EQ(message(Reaction::reauth, ""), "Please reconnect your bank.");
	EXPECT_EQ(message(Reaction::revoked, ""), "Please link your bank again.");
	EXPECT_EQ(message(Reaction::reauth, "Please unlock it."), "Please unlock it.");
}

TEST(SyncFailure, KeepsTheReasonForALogin) {
	const ProviderError error(ErrorCode::reauth_required, Reaction::reauth, "C", "m", "d", "", {}, "consent_expired");
	EXPECT_EQ(decide_failure(error, context()).reauth_reason, "consent_expired");
}

// Each row of Plaid's table: only codes about the item may change the connection's state.
TEST(SyncFailure, PlaidsTableEndsInKnownStates) {
	for (const providers::plaid::ErrorRule &rule : providers::plaid::error_rules()) {
		const ProviderError error(rule.error, rule.reaction, std::string(rule.code), std::string(rule.message), "d",
		                          std::string(rule.hint), {}, std::string(rule.reauth_reason));
		const SyncFailure failure = decide_failure(error, context());
		const bool stays = rule.reaction != Reaction::reauth && rule.reaction != Reaction::revoked &&
		                   rule.reaction != Reaction::permanent;
		EXPECT_EQ(failure.new_state.empty(), stays) << rule.code;
		EXPECT_EQ(failure.retry_at.has_value(), stays) << rule.code;
		EXPECT_FALSE(failure.message.empty()) << rule.code;
	}
}

} // namespace
} // namespace ob::sync
