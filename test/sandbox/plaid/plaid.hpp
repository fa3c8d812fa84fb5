// The simulated Plaid API (version 2020-09-14) as a provider of the simulator.
#pragma once

#include <memory>

#include "../provider.hpp"

namespace ob::sandbox::plaid {

[[nodiscard]] std::unique_ptr<Provider> make_provider(World &world);

} // namespace ob::sandbox::plaid
