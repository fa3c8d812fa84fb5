// The fields of /link/token/create.
#pragma once

#include "fields.hpp"

namespace ob::sandbox::plaid {

/// All documented fields. The inside of objects that belong to other products is not looked at.
[[nodiscard]] Schema link_create_schema();

} // namespace ob::sandbox::plaid
