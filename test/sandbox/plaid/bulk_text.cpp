#include "bulk_text.hpp"

#include <array>
#include <string_view>

#include "../text.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::array<std::string_view, 26> kFirstWords = {
    "Harbor",       "Granite", "Blue Heron", "Corner",   "Maple Leaf", "Old Mill",   "Sunrise",
    "Cedar & Sons", "Prairie", "Canyon",     "Lakeside", "Juniper",    "O'Malley's", "Silver",
    "Café Müller",  "Copper",  "Northwind",  "Redwood",  "Bayview",    "Foxglove",   "Piñon",
    "Ironbridge",   "Meadow",  "Quail",      "Summit",   "Tidewater"};

struct Trade {
	std::string_view word;
	std::string_view category;
	std::string_view detailed;
	bool online;
};

constexpr std::array kTrades = {
    Trade{"Market", "FOOD_AND_DRINK", "FOOD_AND_DRINK_GROCERIES", false},
    Trade{"Bakery", "FOOD_AND_DRINK", "FOOD_AND_DRINK_COFFEE", false},
    Trade{"Grill", "FOOD_AND_DRINK", "FOOD_AND_DRINK_RESTAURANT", false},
    Trade{"Burgers", "FOOD_AND_DRINK", "FOOD_AND_DRINK_FAST_FOOD", false},
    Trade{"Hardware", "HOME_IMPROVEMENT", "HOME_IMPROVEMENT_HARDWARE", false},
    Trade{"Pharmacy", "MEDICAL", "MEDICAL_PHARMACIES_AND_SUPPLEMENTS", false},
    Trade{"Fuel", "TRANSPORTATION", "TRANSPORTATION_GAS", false},
    Trade{"Bicycles", "GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE_SPORTING_GOODS", false},
    Trade{"Books", "GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE_BOOKSTORES_AND_NEWSSTANDS", false},
    Trade{"Outfitters", "GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE_CLOTHING_AND_ACCESSORIES", true},
    Trade{"Electronics", "GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE_ELECTRONICS", true},
    Trade{"Streaming", "ENTERTAINMENT", "ENTERTAINMENT_TV_AND_MOVIES", true},
    Trade{"Air", "TRAVEL", "TRAVEL_FLIGHTS", true},
    Trade{"Telecom", "RENT_AND_UTILITIES", "RENT_AND_UTILITIES_TELEPHONE", true},
};

struct Other {
	std::string_view raw_name;
	std::string_view category;
	std::string_view detailed;
	BulkParty::Kind kind;
};

constexpr std::array kOthers = {
    Other{"ACH ELECTRONIC CREDIT PAYROLL", "INCOME", "INCOME_WAGES", BulkParty::Kind::income},
    Other{"INTEREST PAYMENT", "INCOME", "INCOME_INTEREST_EARNED", BulkParty::Kind::income},
    Other{"AUTOMATIC PAYMENT - THANK YOU", "LOAN_PAYMENTS", "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT",
          BulkParty::Kind::transfer},
    Other{"ONLINE TRANSFER TO SAV", "TRANSFER_OUT", "TRANSFER_OUT_SAVINGS", BulkParty::Kind::transfer},
    Other{"CHECK PAID", "TRANSFER_OUT", "TRANSFER_OUT_ACCOUNT_TRANSFER", BulkParty::Kind::transfer},
    Other{"ATM WITHDRAWAL", "TRANSFER_OUT", "TRANSFER_OUT_WITHDRAWAL", BulkParty::Kind::transfer},
};

struct City {
	std::string_view name;
	std::string_view region;
	std::string_view postal; ///< its first two digits
	int lat;
	int lon;
};

constexpr std::array kCities = {
    City{"San Mateo", "CA", "94", 37, -122},   City{"Poway", "CA", "92", 32, -117},
    City{"Boulder", "CO", "80", 40, -105},     City{"Madison", "WI", "53", 43, -89},
    City{"Albuquerque", "NM", "87", 35, -106}, City{"Coeur d'Alene", "ID", "83", 47, -116},
    City{"Burlington", "VT", "05", 44, -73},   City{"Savannah", "GA", "31", 32, -81},
    City{"Duluth", "MN", "55", 46, -92},       City{"Española", "NM", "87", 36, -106},
    City{"Lawrence", "KS", "66", 38, -95},     City{"Portsmouth", "NH", "03", 43, -70},
    City{"Tacoma", "WA", "98", 47, -122},      City{"Lubbock", "TX", "79", 33, -101},
    City{"Knoxville", "TN", "37", 35, -83},    City{"Syracuse", "NY", "13", 43, -76},
};

constexpr std::array<std::string_view, 12> kStreets = {
    "Community Rd",  "Main St",         "Elm Street",    "W 42nd Ave",  "Old County Highway",
    "Market Square", "Río Grande Blvd", "N Lincoln Way", "College Ave", "Front Street, Suite 200",
    "Mill Pond Ln",  "Pier 9"};

constexpr std::array<std::string_view, 24> kWords = {
    "invoice", "monthly", "reference", "order", "standing", "member", "season", "deposit",
    "refund",  "partial", "service",   "fee",   "rent",     "March",  "family", "insurance",
    "loan",    "account", "no",        "paid",  "in",       "full",   "thank",  "you"};

std::string upper(std::string_view text) {
	std::string out(text);
	for (char &c : out) {
		c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	}
	return out;
}

std::string slug(std::string_view name) {
	std::string out;
	for (const char c : upper(name)) {
		if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
			out.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
		}
	}
	return out;
}

// Belongs to the name: the same in every row and every run.
std::string entity_id(std::string_view name) {
	return hex(sha256(name)).substr(0, 37);
}

std::string counterparty(std::string_view name, std::string_view type, std::string_view confidence) {
	const std::string site = slug(name) + ".example";
	return ObjectText{}
	    .string("name", name)
	    .string("type", type)
	    .string("logo_url", "https://merchant-logos.banking.example/" + slug(name) + "_1100.png")
	    .string("website", site)
	    .string("entity_id", entity_id(name))
	    .string("confidence_level", confidence)
	    .end();
}

// The members without the object's braces.
std::string members(ObjectText object) {
	const std::string text = object.end();
	return text.substr(1, text.size() - 2);
}

std::string party_text(std::string_view name, std::string_view category, std::string_view detailed,
                       std::string_view channel, std::string_view type, std::string_view code) {
	const auto known = [name](std::string text) {
		return name.empty() ? std::nullopt : std::optional(std::move(text));
	};
	const std::string_view confidence = name.empty() ? "LOW" : "VERY_HIGH";
	ObjectText out;
	out.nullable("merchant_name", known(std::string(name))).nullable("merchant_entity_id", known(entity_id(name)));
	out.nullable("logo_url", known("https://merchant-logos.banking.example/" + slug(name) + "_1100.png"));
	out.nullable("website", known(slug(name) + ".example"));
	out.string("payment_channel", channel).string("transaction_type", type);
	out.raw("transaction_code", code.empty() ? "null" : json_string(code));
	out.null("account_owner").null("category").null("category_id");
	out.raw("personal_finance_category", ObjectText{}
	                                         .string("primary", category)
	                                         .string("detailed", detailed)
	                                         .string("confidence_level", confidence)
	                                         .string("version", "v2")
	                                         .end());
	out.string("personal_finance_category_icon_url",
	           "https://category-icons.banking.example/PFC_" + std::string(category) + ".png");
	out.raw("counterparties", name.empty() ? "[" : "[" + counterparty(name, "merchant", confidence));
	return members(std::move(out));
}

std::vector<BulkParty> make_parties() {
	std::vector<BulkParty> out;
	for (const std::string_view first : kFirstWords) {
		for (const Trade &trade : kTrades) {
			const std::string name = std::string(first) + " " + std::string(trade.word);
			out.push_back({trade.online ? BulkParty::Kind::online : BulkParty::Kind::shop, upper(name),
			               party_text(name, trade.category, trade.detailed, trade.online ? "online" : "in store",
			                          trade.online ? "digital" : "place", "purchase"),
			               true});
		}
		for (const Other &other : kOthers) {
			out.push_back({other.kind, upper(std::string(other.raw_name) + " " + std::string(first)),
			               party_text("", other.category, other.detailed, "other", "special",
			                          other.kind == BulkParty::Kind::transfer ? "transfer" : ""),
			               false});
		}
	}
	return out;
}

std::vector<BulkPlace> make_places() {
	std::vector<BulkPlace> out;
	for (const City &city : kCities) {
		BulkPlace place;
		place.raw_name = upper(city.name) + " " + std::string(city.region);
		place.text = members(std::move(ObjectText{}
		                                   .string("city", city.name)
		                                   .string("region", city.region)
		                                   .string("postal_code", city.postal)
		                                   .string("country", "US")));
		place.zip_at = place.text.find("\",\"country\"");
		place.lat = city.lat;
		place.lon = city.lon;
		out.push_back(std::move(place));
	}
	return out;
}

std::string make_filler() {
	std::string out;
	std::uint64_t random = 1;
	while (out.size() < 16 * 1024) {
		random = random * 6364136223846793005U + 1442695040888963407U;
		out.append(kWords[(random >> 33U) % kWords.size()]).push_back(' ');
	}
	return out;
}

} // namespace

const BulkTexts &bulk_texts() {
	static const BulkTexts texts{make_parties(),
	                             make_places(),
	                             {kStreets.begin(), kStreets.end()},
	                             {counterparty("Pocket Pay", "payment_app", "HIGH"),
	                              counterparty("Tap Terminal", "payment_terminal", "MEDIUM"),
	                              counterparty("Bazaar Square", "marketplace", "HIGH"),
	                              counterparty("First Platypus Bank", "financial_institution", "LOW")},
	                             make_filler()};
	return texts;
}

} // namespace ob::sandbox::plaid
