// Secrets of a user mapping, sealed for one option of one server. C++ regime.
#pragma once

#include <string>
#include <string_view>

#include "core/secret.hpp"
#include "crypto/seal.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// Seals `secret` for that option of that server's user mappings: text that opens nowhere else. Throws unknown_option
/// if it is no secret option, invalid_argument if there is no server name or secret.
std::string seal_option(const crypto::KeyRing &keys, std::string_view server, std::string_view option,
                        std::string_view secret);

/// What binds a sealed option to its place.
std::string option_place(std::string_view server, std::string_view option);

} // namespace ob::providers

#include "core/pure.hpp"
