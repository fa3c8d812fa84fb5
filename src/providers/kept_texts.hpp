// Texts of accounts as they are kept here, whoever tells them, so that they can be compared. C++ regime.
#pragma once

#include <string>
#include <string_view>

#include "core/pure.hpp"

namespace ob::providers {

/// Card numbers cut.
std::string kept_name(std::string_view sent);
/// The last four characters.
std::string kept_mask(std::string_view sent);

} // namespace ob::providers

#include "core/pure.hpp"
