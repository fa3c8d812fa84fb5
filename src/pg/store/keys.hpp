// The key ring of this database: where keys come from. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>
#include <string_view>

#include "core/secret.hpp"
#include "crypto/seal.hpp"

namespace ob::pg::store {

/// Whether anything says where keys are.
bool keys_configured();

/// The keys that openbanking.key_file or key_command gives. Throws Error(not_configured) with a hint how to make them
/// if there are none, or what is wrong with them. May wait for the command, whose answer is kept for a minute.
crypto::KeyRing load_keys();

/// As load_keys(), without a kept answer.
crypto::KeyRing load_keys_afresh();

/// Opens a sealed value. A key that a kept answer lacks is looked for afresh. Throws as load_keys and crypto::unseal
/// do.
Secret unseal(std::string_view sealed, std::string_view place, std::string_view what);
/// As above, with `keys` as loaded just before; they are renewed if a kept answer lacked one.
Secret unseal(crypto::KeyRing &keys, std::string_view sealed, std::string_view place, std::string_view what);

} // namespace ob::pg::store
