// How background workers end. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <exception>

namespace ob::pg::worker {

/// Whether that is how one is told to end, or the extension has been dropped: nobody's failure.
bool is_an_end(const std::exception_ptr &error);

} // namespace ob::pg::worker
