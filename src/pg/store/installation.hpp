// Whether this database is the original or a copy (ob.installation). C++ regime.
#pragma once

#include "pg/postgres.hpp"

namespace ob::pg::store {

/// Whether this database may call providers: a dump restored elsewhere and a database made from a template may not, or
/// two would use, and rotate away, the same tokens.
bool is_adopted();

/// Throws not_configured for a copy.
void check_adopted();

/// Makes this database the original: claims of the other one's sessions are void. As owner.
void adopt();

} // namespace ob::pg::store
