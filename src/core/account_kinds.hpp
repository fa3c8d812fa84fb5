// Of which kinds of accounts a list tells, where a bank has a list for each and may refuse one of them. C++ regime.
#pragma once

#include <string_view>

#include "core/pure.hpp"

namespace ob {

enum class AccountKinds { all, cards, all_but_cards };

inline constexpr std::string_view kCardType = "credit_card";

/// Whether an account of that type would be in the list.
constexpr bool tells_of(AccountKinds told, std::string_view type) {
	return told == AccountKinds::all || (told == AccountKinds::cards) == (type == kCardType);
}

} // namespace ob

#include "core/pure.hpp"
