// Sealing: how secrets are stored. AES-256-GCM with keys from outside the database. C++ regime.
//
// Sealed bytes: version 1 (1 byte), length of the key id (1), key id, nonce (12), ciphertext, tag (16). The head up to
// the nonce is authenticated together with the caller's associated data, which names the place the value belongs to.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/secret.hpp"

#include "core/pure.hpp"

namespace ob::crypto {

struct Key {
	std::string id; // [A-Za-z0-9_-]{1,32}
	Secret bytes;   // 32
};

bool is_key_id(std::string_view id) noexcept;

/// The keys of this database, never empty. The first one seals; all of them open.
class KeyRing {
public:
	/// Reads lines `id:base64` of 32 bytes; `#` comments and blank lines allowed; a bare base64 line is key "1". Throws
	/// Error(not_configured) naming `source` and the line, never its content.
	static KeyRing parse(std::string_view text, std::string_view source = "key file");

	/// nullptr if there is none of that id.
	const Key *find(std::string_view id) const noexcept;
	const Key &current() const noexcept { return keys_.front(); }
	const std::vector<Key> &keys() const noexcept { return keys_; }

private:
	KeyRing() = default;
	std::vector<Key> keys_;
};

/// Binds a value to its place: associated({"connections", "access_token", "42"}). Each part is prefixed by its length,
/// so ("a","bc") and ("ab","c") differ.
std::string associated(std::span<const std::string_view> parts);
inline std::string associated(std::initializer_list<std::string_view> parts) {
	return associated(std::span(parts.begin(), parts.size()));
}

/// Seals with the ring's current key under a fresh random nonce (good for 2^32 seals a key, NIST SP 800-38D, 8.3).
/// Throws Error(internal) if OpenSSL fails.
std::string seal(const KeyRing &ring, std::string_view plain, std::string_view associated_data);

/// Opens what seal() made for the same associated data. `what` names the value for the message, such as
/// "access token of connection 42". Throws Error(unseal_failed): the detail names a key id that the ring lacks.
Secret unseal(const KeyRing &ring, std::string_view sealed, std::string_view associated_data, std::string_view what);

/// The id of the key that sealed it; nothing if these are no sealed bytes. Proves nothing about their being genuine.
std::optional<std::string> sealed_key_id(std::string_view sealed);

/// What everything begins with that is sealed with that key, and nothing else does.
std::string sealed_head(std::string_view key_id);

/// Text form for options: `obsealed:v1:` and base64url.
std::string to_text(std::string_view sealed);
/// The sealed bytes; nothing if the text is not of that form.
std::optional<std::string> from_text(std::string_view text);
/// Begins as the text form does: meant to be sealed, perhaps damaged.
bool is_sealed_text(std::string_view text) noexcept;

} // namespace ob::crypto

#include "core/pure.hpp"
