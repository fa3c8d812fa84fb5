// The end user that this session speaks for. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>

namespace ob::pg::store {

/// From where openbanking.user_ref_source says; empty: nobody. Throws invalid_argument for claims that are no JSON.
std::string current_user_ref();

} // namespace ob::pg::store
