// Account numbers in full: kept sealed, shown to few. C++ regime.
#pragma once

#include <string>

#include "core/secret.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// One way to address an account; it may have several.
struct AccountNumber {
	std::string account_id;
	std::string scheme;      // ach, eft, bacs, iban
	Secret number;           // account number or IBAN
	std::string bank_code;   // routing number, sort code, institution; may be empty
	std::string branch_code; // may be empty
	std::string wire_code;   // routing number for wires where it is another one; may be empty
	std::string bic;         // may be empty
	bool tokenized = false;  // the bank made it up for us: it is not the one that its holder knows
};

} // namespace ob::providers

#include "core/pure.hpp"
