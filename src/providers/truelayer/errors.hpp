// What each of TrueLayer's error codes asks of us. C++ regime.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "http/transport.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// The calls that a bank allows in a day are used up. To repeat it is of no use and counts again.
inline constexpr std::string_view kQuotaCode = "provider_request_limit_exceeded";

struct ErrorRule {
	std::string_view code;
	Reaction reaction;
	ErrorCode error;
	std::string_view reauth_reason; // with Reaction::reauth
	std::string_view message;       // what happened: lower case, no full stop
	std::string_view hint;          // what to do next: sentences for whoever can do it
	std::chrono::seconds wait{};    // how long at least; zero: as the reaction says
};

/// What an answer other than 2xx says.
struct ErrorFacts {
	std::string code;
	std::string reason;     // of error_details: refines some codes
	std::string request_id; // TrueLayer's correlation id
	std::string fields;     // of our request that are wrong; only what looks like their names
	int status = 0;
	bool foreign = false; // neither JSON nor empty: something between us and TrueLayer answered
};
ErrorFacts facts_of(const http::Response &response);

/// All rules that stand for one code.
std::span<const ErrorRule> error_rules();
/// The rule for the code, else for the status class.
const ErrorRule &rule_for(const ErrorFacts &facts);

/// What is kept and shown of an answer besides data: a code and a request id, if it looks like one. Anything else is
/// text of the provider's, or a secret that it echoes, and becomes empty.
std::string_view presentable_code(std::string_view code);
std::string_view presentable_request_id(std::string_view id);
/// The id by which TrueLayer knows the call; empty if the answer does not tell.
std::string_view request_id(const http::Response &response);

/// The error that an answer other than 2xx means.
ProviderError error_from(const http::Response &response, std::string_view endpoint, Timestamp now);
/// As that, where the place of the call decides more than its code: the rule is given.
ProviderError error_by(const ErrorRule &rule, const ErrorFacts &facts, std::string_view endpoint);
/// DETAIL of every error of ours: provider, endpoint, HTTP status (left out if 0), provider code, request id.
std::string error_detail(std::string_view endpoint, int status, std::string_view code, std::string_view request_id);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
