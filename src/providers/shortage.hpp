// What a call fails with that is not made because its budget is used up. C++ regime.
#pragma once

#include <string>
#include <string_view>

#include "core/budget.hpp"
#include "core/error.hpp"
#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// Like the provider's own 429, with the time until there is a call again. `detail` says which call it was.
ProviderError shortage_error(const Shortage &shortage, const Session &session, std::string detail,
                             std::string_view call_class);

} // namespace ob::providers

#include "core/pure.hpp"
