// The test institutions.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace ob::sandbox::plaid {

struct Institution {
	std::string_view id;
	std::string_view name;
	std::string_view country;
	bool oauth = false;
	std::string_view link_error; ///< what linking it ends with; empty: it works
};

[[nodiscard]] std::span<const Institution> institutions();
/// Null if there is none of that id.
[[nodiscard]] const Institution *find_institution(std::string_view id);
/// Plaid: an unknown one gives INVALID_INSTITUTION.
[[nodiscard]] const Institution &known_institution(std::string_view id);

} // namespace ob::sandbox::plaid
