// The key ring of this database: where keys come from. C++ regime.
#pragma once

#include "crypto/seal.hpp"

namespace ob::pg::store {

/// Reads the keys. Throws Error(not_configured) with a hint how to make them if there are none, or if the file's owner
/// or mode would let others read it.
crypto::KeyRing load_keys();

} // namespace ob::pg::store
