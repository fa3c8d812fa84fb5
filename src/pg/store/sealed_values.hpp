// Every sealed value that this database holds: which column, which row, under which key. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ob::pg::store {

/// Who uses keys, as ob.keys() counts them.
enum class KeyUser { tokens, accounts, links, outcomes, mapping_options };
inline constexpr std::size_t kKeyUsers = 5;

/// A column of ours that holds sealed values. A value is bound to associated({table, column, key…}), where the key is
/// that of its row, each column as text.
struct SealedColumn {
	struct KeyColumn {
		const char *name;
		const char *type;
	};
	const char *table;
	const char *column;
	KeyUser user;
	std::vector<KeyColumn> key;
	std::string name() const { return std::string(table) + "." + column; }
};
const std::vector<SealedColumn> &sealed_columns();

struct SealedValue {
	std::vector<std::string> key;
	std::string bytes;
};

/// For unseal(): what binds it to its row.
std::string place_of(const SealedColumn &column, const SealedValue &value);
/// For messages: table, column and row.
std::string describe(const SealedColumn &column, const SealedValue &value);

/// The next values, in the order of their keys, that are not sealed with that key; after row `after` (empty: from the
/// first on). As owner.
std::vector<SealedValue> not_sealed_with(const SealedColumn &column, std::string_view key_id,
                                         const std::vector<std::string> &after, std::int64_t limit);

/// Puts `fresh` in the place of the value, if that is there still. As owner.
bool replace(const SealedColumn &column, const SealedValue &value, std::string_view fresh);

/// A sealed option of a user mapping.
struct SealedOption {
	std::string server;
	std::string role; // empty: PUBLIC
	std::string option;
	std::string bytes;  // empty: damaged
	std::string key_id; // empty: damaged
};
struct SealedOptions {
	std::vector<SealedOption> found;
	std::int64_t hidden = 0; // user mappings whose options the current user may not see
};
SealedOptions sealed_options();

/// How many values each key seals; an empty id stands for values that are not in the sealed form. Options as the
/// current user sees them, the rest as owner.
using KeyUse = std::array<std::int64_t, kKeyUsers>;
std::map<std::string, KeyUse> count_key_uses(const SealedOptions &options);

} // namespace ob::pg::store
