// TrueLayer's errors: every code with its HTTP status, and both forms in which they are answered.
#pragma once

#include <string>
#include <string_view>

#include "../message.hpp"
#include "../world.hpp"

namespace ob::sandbox::truelayer {

/// An error as the API answers it. Handlers throw it.
struct ApiError {
	int status = 400;
	std::string code;
	std::string description;
	std::string reason; ///< in error_details; empty: none
	/// Not empty: answered as application/problem+json, under this title. `code` then is the endpoint's path.
	std::string problem;
	std::string fields; ///< JSON object of a problem's `errors`, or empty
};

/// The error of a known code. "STATUS:CODE" makes one that nobody knows.
[[nodiscard]] ApiError make_error(std::string_view code, std::string_view description = {},
                                  std::string_view reason = {});
[[noreturn]] void fail(std::string_view code, std::string_view description = {}, std::string_view reason = {});
[[nodiscard]] Response error_response(const ApiError &error, World &world);

} // namespace ob::sandbox::truelayer
