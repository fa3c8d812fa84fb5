// The simulated TrueLayer: Data API v1, authentication server, dialog and webhooks.
#pragma once

#include <memory>

#include "../provider.hpp"

namespace ob::sandbox::truelayer {

[[nodiscard]] std::unique_ptr<Provider> make_provider(World &world);

} // namespace ob::sandbox::truelayer
