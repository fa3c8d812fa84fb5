// Files that hold keys and secrets. C++ regime.
#pragma once

#include <string>
#include <string_view>

#include "core/secret.hpp"

#include "core/pure.hpp"

namespace ob::crypto {

/// Keys and secrets are small: anything larger is another file.
inline constexpr std::size_t kMaxSecretSize = 64 * 1024;

/// The content of a file that nobody but its owner can read or write: a regular file of this process's account, or of
/// root, whose group may read it. `what` names it in messages ("key file"), `named_by` what gave the path ("setting:
/// openbanking.key_file"). Throws Error(not_configured), never with content.
WipedString read_secret_file(const std::string &path, std::string_view what, std::string_view named_by);

} // namespace ob::crypto

#include "core/pure.hpp"
