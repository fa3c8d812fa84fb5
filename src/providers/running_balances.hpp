// Whether a bank's amounts mean what we take them for. C++ regime.
#pragma once

#include <span>

#include "core/model.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// Whether most of these neighbouring rows, of one account and in the bank's order, move the running balance by their
/// amount the wrong way round: then it is their signs that are wrong. Rows may begin with the newest or the oldest;
/// what either order explains is not held against them. A hint for people, reckoned in binary fractions.
bool balances_contradict(std::span<const Transaction> rows);

} // namespace ob::providers

#include "core/pure.hpp"
