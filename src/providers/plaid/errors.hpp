// What each of Plaid's error codes asks of us. C++ regime.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/model.hpp"
#include "http/transport.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

struct ErrorRule {
	std::string_view code;
	Reaction reaction;
	ErrorCode error;
	std::string_view reauth_reason; // with Reaction::reauth
	std::string_view message;       // what happened: lower case, no full stop
	std::string_view hint;          // what to do next: sentences for whoever can do it
	std::chrono::seconds wait{};    // how long at least; zero: as the reaction says
};

/// Plaid's way of saying why an item's OAuth access ended, `error_code_reason`, refines the reason for a login.
struct ErrorFacts {
	std::string_view type;
	std::string_view code;
	std::string_view code_reason;
	int status = 0; // HTTP; 0: unknown (a standing error of an item)
};

/// All rules that stand for one code.
std::span<const ErrorRule> error_rules();
/// The rule for the code, else for the type, else for the status class.
const ErrorRule &rule_for(const ErrorFacts &facts);
/// What connections.reauth_reason becomes.
std::string_view reauth_reason(const ErrorRule &rule, std::string_view code_reason);

/// What is kept and shown of an answer besides data: a code and a request id, if it looks like one. Anything else is text of
/// the provider's, or a secret that it echoes, and becomes empty.
std::string_view presentable_code(std::string_view code);
std::string_view presentable_request_id(std::string_view id);

/// The error that an answer other than 200 means.
ProviderError error_from(const http::Response &response, std::string_view endpoint, Timestamp now);
/// What an error object of an item says about it.
void set_standing_error(const ErrorFacts &facts, ConnectionHealth &health);
/// DETAIL of every error of ours: provider, endpoint, HTTP status (left out if 0), provider code, request id.
std::string error_detail(std::string_view endpoint, int status, std::string_view code, std::string_view request_id);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
