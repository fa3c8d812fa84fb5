// The opaque cursors of /transactions/sync.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ob::sandbox::plaid {

/// What a cursor holds. All positions are those of the item's change log.
struct Cursor {
	std::uint64_t item = 0;
	std::uint64_t stream = 0;   ///< 0: all accounts, else the account's index plus one
	std::uint64_t base = 0;     ///< where the loop began
	std::uint64_t position = 0; ///< what has been told up to now
	std::uint64_t end = 0;      ///< end of the log when the loop began
	std::uint64_t begun = 0;    ///< serial of the cursor that the loop began with, 0: from the beginning
	std::uint64_t serial = 0;   ///< own number; no two cursors are alike
	bool resting = false;       ///< the loop is complete
};

/// Base64 text of at most 256 characters, with +, / and = in it; only who knows the key can make or read one.
[[nodiscard]] std::string encode_cursor(const Cursor &cursor, std::string_view key);
/// Nothing if the text is no cursor made with this key.
[[nodiscard]] std::optional<Cursor> decode_cursor(std::string_view text, std::string_view key);

} // namespace ob::sandbox::plaid
