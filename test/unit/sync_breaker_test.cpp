#include <gtest/gtest.h>

#include <chrono>

#include "sync/breaker.hpp"
#include "sync/failure.hpp"

namespace ob::sync {
namespace {

using namespace std::chrono_literals;

SyncFailure failure_of(const Error &error) { return decide_failure(error, FailureContext()); }

SyncFailure answer(ErrorCode code, Reaction reaction) { return failure_of(ProviderError(code, reaction, "C", "m", "d")); }

TEST(SyncBreaker, KnowsWhatAFailureSpeaksAgainst) {
	EXPECT_EQ(breaker_scope(answer(ErrorCode::provider_down, Reaction::institution_down)), BreakerScope::institution);
	EXPECT_EQ(breaker_scope(answer(ErrorCode::provider_down, Reaction::retry)), BreakerScope::server);
	EXPECT_EQ(breaker_scope(failure_of(Error(ErrorCode::unreachable, "m"))), BreakerScope::server);
	EXPECT_EQ(breaker_scope(failure_of(Error(ErrorCode::deadline, "m"))), BreakerScope::server);
	for (const ErrorCode code : {ErrorCode::bad_reply, ErrorCode::unseal_failed, ErrorCode::missing_option,
	                             ErrorCode::internal, ErrorCode::address_refused})
		EXPECT_FALSE(breaker_scope(failure_of(Error(code, "m")))) << static_cast<int>(code);
	for (const Reaction reaction : {Reaction::reauth, Reaction::revoked, Reaction::permanent, Reaction::rate_limited,
	                                Reaction::configuration, Reaction::restart})
		EXPECT_FALSE(breaker_scope(answer(ErrorCode::refused, reaction)));
}

TEST(SyncBreaker, KnowsWhatWasAnswered) {
	EXPECT_TRUE(is_answer(answer(ErrorCode::provider_down, Reaction::institution_down)));
	EXPECT_TRUE(is_answer(answer(ErrorCode::reauth_required, Reaction::reauth)));
	EXPECT_FALSE(is_answer(answer(ErrorCode::provider_down, Reaction::retry)));
	EXPECT_FALSE(is_answer(failure_of(Error(ErrorCode::unreachable, "m"))));
	EXPECT_FALSE(is_answer(failure_of(Error(ErrorCode::unseal_failed, "m")))) << "nobody was asked";
	EXPECT_FALSE(is_answer(answer(ErrorCode::credentials_refused, Reaction::configuration))) << "this may be remembered";
}

TEST(SyncBreaker, OpensForLongerAndLonger) {
	EXPECT_EQ(breaker_opens_for(BreakerScope::institution, 2), 0s);
	EXPECT_EQ(breaker_opens_for(BreakerScope::institution, 3), 30min);
	EXPECT_EQ(breaker_opens_for(BreakerScope::institution, 4), 1h);
	EXPECT_EQ(breaker_opens_for(BreakerScope::institution, 1'000'000'000'000), 6h);
	EXPECT_EQ(breaker_opens_for(BreakerScope::server, 4), 0s);
	EXPECT_EQ(breaker_opens_for(BreakerScope::server, 5), 1min);
	EXPECT_EQ(breaker_opens_for(BreakerScope::server, 8), 8min);
	EXPECT_EQ(breaker_opens_for(BreakerScope::server, 100), 1h);
}

} // namespace
} // namespace ob::sync
