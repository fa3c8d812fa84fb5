// base64 and base64url (RFC 4648), strict in what they decode. C++ regime.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/secret.hpp"

#include "core/pure.hpp"

namespace ob::crypto {

/// With padding.
std::string base64_encode(std::string_view bytes);
/// Padding required, no blanks or line breaks, unused bits zero; otherwise nothing.
std::optional<std::string> base64_decode(std::string_view text);

/// The URL and file name safe alphabet, without padding (RFC 7515, appendix C).
std::string base64url_encode(std::string_view bytes);
/// No padding, no blanks, unused bits zero; otherwise nothing.
std::optional<std::string> base64url_decode(std::string_view text);

/// As base64_decode, for key material: the bytes are wiped when freed.
std::optional<Secret> base64_decode_secret(std::string_view text);
/// As base64url_encode, for tokens.
Secret base64url_encode_secret(std::string_view bytes);

} // namespace ob::crypto

#include "core/pure.hpp"
