// Card and account numbers in raw JSON: cut to their last four digits without breaking the JSON. C++ regime.
#pragma once

#include <string>
#include <string_view>

#include "core/pure.hpp"

namespace ob::json {

class Body;

/// `raw` (well-formed JSON) with the card numbers in its texts cut as text::cut_pans does; a number of 15 digits or
/// more that is a card number becomes such a text. Keys stay, and so do ids (values of keys that end in "id"). Nearly
/// always nothing is to be cut, and `raw` itself is returned.
std::string_view cut_pans(std::string_view raw, Body &body);
/// The same for text that no Body owns.
std::string cut_pans(std::string_view json);

/// Besides card numbers the account numbers: values of the keys bban, account, account_number, number and those that end
/// in iban, as text::mask_last4 shows them.
std::string_view cut_numbers(std::string_view raw, Body &body);

} // namespace ob::json

#include "core/pure.hpp"
