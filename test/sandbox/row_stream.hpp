// /_control/…/rows: the live rows of a ledger as lines, to compare tables with and to fill them by COPY.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "command.hpp"
#include "ledger.hpp"

namespace ob::sandbox {

/// Appends the JSON object of a row.
using RowRenderer = std::function<void(std::string &out, const Item &item, std::uint32_t index)>;

/// Rows of an item, or of all for an empty id, in the command's `format` (copy, json) and `columns`. Every call of what
/// is returned gives the next lines, nothing at the end. Throws ControlError.
[[nodiscard]] std::function<std::string()> stream_rows(const Ledger &ledger, const std::string &item_id,
                                                       const Command &command, std::vector<std::string> usual_columns,
                                                       RowRenderer render);

} // namespace ob::sandbox
