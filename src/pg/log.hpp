// Failures that nobody can be told about, in the server log. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <exception>
#include <string>

#include "core/error.hpp"

namespace ob::pg {

/// Code, message and detail of a failure, as it would have been raised.
Error describe(const std::exception_ptr &failure);

/// One line at level LOG: `what`, SQLSTATE and message. May be called while another exception is handled.
void log_failure(const std::string &what, const std::exception_ptr &failure) noexcept;

} // namespace ob::pg
