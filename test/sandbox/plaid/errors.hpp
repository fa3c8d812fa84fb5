// Plaid's error objects: every code with its type and HTTP status.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ob::sandbox::plaid {

/// An error as the API answers it. Handlers throw it.
struct ApiError {
	int status = 400;
	std::string type;
	std::string code;
	std::string message;
	std::optional<std::string> display_message;
	std::optional<std::string> reason; ///< error_code_reason
};

/// The error of a known code. "TYPE:CODE" makes one that nobody knows, with status 400.
[[nodiscard]] ApiError make_error(std::string_view code, std::string_view message = {});

[[noreturn]] void fail(std::string_view code, std::string_view message = {});

/// The whole error object. In an answer it carries a request_id, in an item or a webhook it does not.
[[nodiscard]] std::string error_object(const ApiError &error, const std::optional<std::string> &request_id,
                                       bool with_status = false);

} // namespace ob::sandbox::plaid
