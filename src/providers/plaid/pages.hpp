// Plaid's two ways to read transactions, page by page. C++ regime.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

inline constexpr std::string_view kWindowEndpoint = "/transactions/get";
inline constexpr std::string_view kChangesEndpoint = "/transactions/sync";

/// A range of dates, by offset.
std::unique_ptr<WindowReader> read_window(Session session, Credentials credentials, Window window);

/// How many transactions a range of any length has.
Task<std::int64_t> count_transactions(Session session, Credentials credentials);

/// What changed since `cursor` (empty: everything), by cursor.
std::unique_ptr<ChangeReader> read_changes(Session session, Credentials credentials, std::string cursor);

} // namespace ob::providers::plaid

#include "core/pure.hpp"
