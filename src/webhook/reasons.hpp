// Why a delivery is not accepted: words that stay, for tables and alarms, and a sentence for whoever looks. C++ regime.
#pragma once

#include <span>
#include <string_view>

#include "core/pure.hpp"

namespace ob::webhook {

namespace reason {

// The headers.
inline constexpr std::string_view headers_malformed = "headers_malformed";
inline constexpr std::string_view header_missing = "header_missing";
inline constexpr std::string_view header_doubled = "header_doubled";
inline constexpr std::string_view header_malformed = "header_malformed";
inline constexpr std::string_view header_too_large = "header_too_large";
// The token in one of them.
inline constexpr std::string_view token_malformed = "token_malformed";
inline constexpr std::string_view wrong_algorithm = "wrong_algorithm";
inline constexpr std::string_view wrong_version = "wrong_version";
inline constexpr std::string_view wrong_key_set = "wrong_key_set";
inline constexpr std::string_view key_id_malformed = "key_id_malformed";
inline constexpr std::string_view header_not_signed = "header_not_signed";
inline constexpr std::string_view path_missing = "path_missing";
// What it is checked with.
inline constexpr std::string_view key_missing = "key_missing";
inline constexpr std::string_view key_malformed = "key_malformed";
inline constexpr std::string_view key_mismatch = "key_mismatch";
inline constexpr std::string_view key_expired = "key_expired";
// The checks.
inline constexpr std::string_view signature_malformed = "signature_malformed";
inline constexpr std::string_view wrong_signature = "wrong_signature";
inline constexpr std::string_view wrong_body = "wrong_body";
inline constexpr std::string_view time_malformed = "time_malformed";
inline constexpr std::string_view too_old = "too_old";
inline constexpr std::string_view in_the_future = "in_the_future";

// What stands around a signature.
inline constexpr std::string_view source_unknown = "source_unknown";
inline constexpr std::string_view source_refused = "source_refused";
inline constexpr std::string_view body_too_large = "body_too_large";
inline constexpr std::string_view body_malformed = "body_malformed";
inline constexpr std::string_view wrong_environment = "wrong_environment";
inline constexpr std::string_view key_unknown = "key_unknown";
// It cannot be told now; the provider sends it again.
inline constexpr std::string_view too_many_keys = "too_many_keys";
inline constexpr std::string_view key_not_fetched = "key_not_fetched";
inline constexpr std::string_view key_ring_missing = "key_ring_missing";
inline constexpr std::string_view not_configured = "not_configured";
inline constexpr std::string_view not_stored = "not_stored";

} // namespace reason

struct Reason {
	std::string_view word;
	std::string_view sentence; ///< what was found and where to look
};

std::span<const Reason> all_reasons() noexcept;
/// The sentence for a word; empty for no reason of the table.
std::string_view explain(std::string_view word) noexcept;

} // namespace ob::webhook

#include "core/pure.hpp"
