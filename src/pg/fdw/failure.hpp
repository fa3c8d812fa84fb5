// A live scan's failure as far as it says something about the connection. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <exception>

#include "pg/store/connections.hpp"

namespace ob::pg::fdw {

/// The scan of `connection` failed and its statement is about to raise `failure`: records what must outlive that. No
/// request of the scan is under way any more. Throws Interrupted or ServerError at most: the failure itself is what the
/// user must see.
void report_failure(const store::Connection &connection, const std::exception_ptr &failure);

} // namespace ob::pg::fdw
