#include "institutions.hpp"

#include <algorithm>

#include "errors.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::array kInstitutions = {
    Institution{"ins_109508", "First Platypus Bank", "US", false, ""},
    Institution{"ins_109509", "First Gingham Credit Union", "US", false, ""},
    Institution{"ins_109510", "Tattersall Federal Credit Union", "US", false, ""},
    Institution{"ins_109511", "Tartan Bank", "US", false, ""},
    Institution{"ins_109512", "Houndstooth Bank", "US", false, ""},
    Institution{"ins_130016", "First Platypus Balance Bank", "US", false, ""},
    Institution{"ins_43", "Tartan-Dominion Bank of Canada", "CA", false, ""},
    Institution{"ins_116834", "Flexible Platypus Open Banking", "GB", true, ""},
    Institution{"ins_117650", "Royal Bank of Plaid", "GB", true, ""},
    Institution{"ins_127287", "Platypus OAuth Bank", "US", true, ""},
    Institution{"ins_128026", "Capital One", "US", true, ""},
    Institution{"ins_132363", "Unhealthy Platypus Bank - Degraded", "US", false, ""},
    Institution{"ins_132361", "Unhealthy Platypus Bank - Bank Down", "US", false, "INSTITUTION_DOWN"},
    Institution{"ins_133402", "Unsupported Platypus Bank", "US", false, "INSTITUTION_NO_LONGER_SUPPORTED"},
};

} // namespace

std::span<const Institution> institutions() {
	return kInstitutions;
}

const Institution *find_institution(std::string_view id) {
	const auto *found =
	    std::find_if(kInstitutions.begin(), kInstitutions.end(), [id](const Institution &i) { return i.id == id; });
	return found == kInstitutions.end() ? nullptr : found;
}

const Institution &known_institution(std::string_view id) {
	const Institution *found = find_institution(id);
	if (found == nullptr) {
		fail("INVALID_INSTITUTION", "invalid institution_id provided: " + std::string(id));
	}
	return *found;
}

} // namespace ob::sandbox::plaid
