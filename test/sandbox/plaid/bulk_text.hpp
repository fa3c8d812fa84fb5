// The invented economy that bulk rows come from, rendered to pieces of text beforehand.
#pragma once

#include <string>
#include <vector>

namespace ob::sandbox::plaid {

/// Who the money goes to or comes from.
struct BulkParty {
	enum class Kind { shop, online, income, transfer };

	Kind kind = Kind::shop;
	std::string raw_name; ///< as it stands on the statement
	std::string text;     ///< JSON members merchant_name to counterparties, whose list is left open
	bool has_counterparty = false;
};

struct BulkPlace {
	std::string raw_name;   ///< as it stands on the statement
	std::string text;       ///< JSON members city to country, the last three digits of the postal code cut out:
	std::size_t zip_at = 0; ///< here they go
	int lat = 0;            ///< whole degrees
	int lon = 0;
};

struct BulkTexts {
	std::vector<BulkParty> parties;
	std::vector<BulkPlace> places;
	std::vector<std::string> streets;
	std::vector<std::string> second_parties; ///< JSON objects of further counterparties
	std::string filler;                      ///< words to fill rows up with; nothing in it needs escaping
};

/// Made once.
[[nodiscard]] const BulkTexts &bulk_texts();

} // namespace ob::sandbox::plaid
