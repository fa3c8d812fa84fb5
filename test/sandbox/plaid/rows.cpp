#include "rows.hpp"

#include <array>
#include <cstdlib>

namespace ob::sandbox::plaid {

namespace {

constexpr std::array kMerchants = {
    Merchant{"Metro Line", "METRO LINE FARE 072515", "online", "TRANSPORTATION", "TRANSPORTATION_PUBLIC_TRANSIT", ""},
    Merchant{"Granite Climbing", "GRANITE CLIMBING GYM", "in store", "PERSONAL_CARE",
             "PERSONAL_CARE_GYMS_AND_FITNESS_CENTERS", "Boulder"},
    Merchant{"Blue Heron Air", "BLUE HERON AIRWAYS", "online", "TRAVEL", "TRAVEL_FLIGHTS", ""},
    Merchant{"Corner Bakery", "CORNER BAKERY #3322", "in store", "FOOD_AND_DRINK", "FOOD_AND_DRINK_COFFEE", "Poway"},
    Merchant{"Tiny Breadboards", "TINY BREADBOARDS ELECTRONICS", "online", "GENERAL_MERCHANDISE",
             "GENERAL_MERCHANDISE_ELECTRONICS", ""},
    Merchant{"Harbor Market", "HARBOR MARKET #1700", "in store", "FOOD_AND_DRINK", "FOOD_AND_DRINK_GROCERIES",
             "San Mateo"},
    Merchant{"Spoke and Chain", "SPOKE AND CHAIN BICYCLES", "in store", "GENERAL_MERCHANDISE",
             "GENERAL_MERCHANDISE_SPORTING_GOODS", "Madison"},
    Merchant{"", "CREDIT CARD 3333 PAYMENT *//", "other", "LOAN_PAYMENTS", "LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", ""},
    Merchant{"", "ACH Electronic Credit PAYROLL", "other", "INCOME", "INCOME_WAGES", ""},
    Merchant{"", "INTEREST PAYMENT", "other", "INCOME", "INCOME_INTEREST_EARNED", ""},
    Merchant{"", "CD DEPOSIT .INITIAL.", "other", "TRANSFER_OUT", "TRANSFER_OUT_SAVINGS", ""},
    Merchant{"", "AUTOMATIC PAYMENT - THANK YOU", "other", "TRANSFER_IN", "TRANSFER_IN_ACCOUNT_TRANSFER", ""},
};

std::string slug(std::string_view name) {
	std::string out;
	for (const char c : name) {
		if (c != ' ') {
			out.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
		}
	}
	return out;
}

// An entity id that belongs to the merchant: the same in every row and every run.
std::string entity_id(const Merchant &m) {
	return hex(sha256(m.name)).substr(0, 37);
}

// Everything of a row that depends on the merchant alone. Begins with a comma, lacks the closing brace.
std::string merchant_part(const Merchant &m) {
	const bool known = !m.name.empty();
	const std::string site = slug(m.name) + ".example";
	const std::string logo = "https://logos." + site + "/logo.png";
	const auto when_known = [known](std::string text) {
		return known ? std::optional<std::string>(std::move(text)) : std::nullopt;
	};
	ObjectText location;
	if (m.city.empty()) {
		for (const char *key : {"address", "city", "region", "postal_code", "country", "lat", "lon", "store_number"}) {
			location.null(key);
		}
	} else {
		location.string("address", "13425 Community Rd").string("city", m.city).string("region", "CA");
		location.string("postal_code", "92064").string("country", "US");
		location.raw("lat", "32.959068").raw("lon", "-117.037666").string("store_number", "1700");
	}
	ObjectText payment;
	for (const char *key : {"by_order_of", "payee", "payer", "payment_method", "payment_processor", "ppd_id", "reason",
	                        "reference_number"}) {
		payment.null(key);
	}
	std::string counterparties = "[]";
	if (known) {
		counterparties = "[" +
		                 ObjectText{}
		                     .string("name", m.name)
		                     .string("type", "merchant")
		                     .string("logo_url", logo)
		                     .string("website", site)
		                     .string("entity_id", entity_id(m))
		                     .string("confidence_level", "VERY_HIGH")
		                     .end() +
		                 "]";
	}
	ObjectText out;
	out.nullable("merchant_name", when_known(std::string(m.name)));
	out.nullable("merchant_entity_id", when_known(entity_id(m)));
	out.nullable("logo_url", when_known(logo)).nullable("website", when_known(site));
	out.string("payment_channel", m.channel);
	out.string("transaction_type", m.channel == "online" ? "digital" : m.channel == "in store" ? "place" : "special");
	out.null("transaction_code").null("check_number").null("account_owner").null("category").null("category_id");
	out.raw("personal_finance_category", ObjectText{}
	                                         .string("primary", m.category)
	                                         .string("detailed", m.detailed)
	                                         .string("confidence_level", known ? "VERY_HIGH" : "LOW")
	                                         .string("version", "v2")
	                                         .end());
	out.string("personal_finance_category_icon_url",
	           "https://icons.banking.example/PFC_" + std::string(m.category) + ".png");
	out.raw("counterparties", counterparties).raw("location", location.end()).raw("payment_meta", payment.end());
	std::string text = out.end();
	text.front() = ',';
	text.pop_back();
	return text;
}

const std::string &shared_merchant_part(std::size_t index) {
	static const std::vector<std::string> parts = [] {
		std::vector<std::string> all;
		for (const Merchant &m : kMerchants) {
			all.push_back(merchant_part(m));
		}
		return all;
	}();
	return parts[index];
}

// The part of a row that is its own. Lacks the closing brace.
std::string own_part(const RowValues &values, const Merchant &m) {
	ObjectText out;
	out.string("transaction_id", values.id).string("account_id", values.account_id).raw("amount", values.amount);
	out.string("iso_currency_code", values.currency).null("unofficial_currency_code");
	out.string("date", format_date(values.date)).null("datetime");
	out.string("authorized_date", format_date(values.authorized.value_or(values.date))).null("authorized_datetime");
	out.string("name", values.name.empty() ? m.raw_name : values.name).boolean("pending", values.pending);
	out.nullable("pending_transaction_id", values.pending_transaction_id);
	std::string text = out.end();
	text.pop_back();
	return text;
}

} // namespace

std::size_t merchant_count() {
	return kMerchants.size();
}
const Merchant &merchant(std::size_t index) {
	return kMerchants.at(index);
}

RawObject make_row(const RowValues &values) {
	const Merchant &m = merchant(values.merchant);
	const std::string text = own_part(values, m) + shared_merchant_part(values.merchant) + "}";
	RawObject row = RawObject::parse(text).value_or(RawObject{});
	row.set("original_description", json_string(values.name.empty() ? m.raw_name : values.name));
	return row;
}

RawObject row_from(World &world, std::string_view account_id, const RawObject &given) {
	RowValues values;
	values.id = world.ids.alphanumeric(37);
	values.account_id = account_id;
	values.date = day_of(world.clock.now());
	values.merchant = 5;
	RawObject row = make_row(values);
	row.merge(given);
	return row;
}

Transaction make_transaction(const Item &item, const RawObject &row, Day today) {
	Transaction out;
	out.id = row.text_of("transaction_id");
	out.account = item.account_index(row.text_of("account_id")).value_or(TransactionLog::kForeignAccount);
	out.date = parse_date(row.text_of("date")).value_or(today);
	out.pending = row.get("pending") == "true";
	out.original_description = row.get("original_description").value_or("");
	RawObject shown = row;
	shown.erase("original_description");
	out.head = shown.dump();
	out.head.pop_back();
	return out;
}

Transaction make_transaction(const Item &item, const RowValues &values) {
	static const std::vector<std::shared_ptr<const std::string>> tails = [] {
		std::vector<std::shared_ptr<const std::string>> all;
		for (std::size_t index = 0; index < merchant_count(); ++index) {
			all.push_back(std::make_shared<const std::string>(shared_merchant_part(index)));
		}
		return all;
	}();
	const Merchant &m = merchant(values.merchant);
	Transaction out;
	out.id = values.id;
	out.account = item.account_index(values.account_id).value_or(TransactionLog::kForeignAccount);
	out.date = values.date;
	out.pending = values.pending;
	out.head = own_part(values, m);
	out.tail = tails[values.merchant];
	out.original_description = json_string(values.name.empty() ? m.raw_name : values.name);
	return out;
}

RawObject row_of(const TransactionLog &transactions, std::uint32_t index) {
	std::string text;
	transactions.append_to(text, index, true);
	return RawObject::parse(text).value_or(RawObject{});
}

std::string amount_text(std::int64_t cents) {
	std::string out = cents < 0 ? "-" : "";
	cents = std::abs(cents);
	out += std::to_string(cents / 100);
	if (cents % 100 != 0) {
		out += "." + std::to_string(cents % 100 / 10);
		if (cents % 10 != 0) {
			out += std::to_string(cents % 10);
		}
	}
	return out;
}

Account make_account(std::string id, std::string_view type, std::string_view subtype, std::string_view name,
                     std::optional<std::string> official_name, std::optional<std::string> mask,
                     std::string_view available, std::string_view current, std::string_view limit,
                     std::string_view currency) {
	Account account;
	account.id = std::move(id);
	account.fields.set("account_id", json_string(account.id));
	account.fields.set("mask", mask ? json_string(*mask) : "null");
	account.fields.set("name", json_string(name));
	account.fields.set("official_name", official_name ? json_string(*official_name) : "null");
	account.fields.set("type", json_string(type));
	account.fields.set("subtype", subtype.empty() ? "null" : json_string(subtype));
	account.balances.set("available", available);
	account.balances.set("current", current);
	account.balances.set("limit", limit);
	account.balances.set("iso_currency_code", json_string(currency));
	account.balances.set("unofficial_currency_code", "null");
	account.live_balances = account.balances;
	return account;
}

Account account_from(World &world, const RawObject &given) {
	Account account = make_account(world.ids.alphanumeric(37), "depository", "checking", "Account", std::nullopt,
	                               "0000", "100", "110", "null");
	account.fields.merge(given);
	if (const auto balances = given.get("balances")) {
		account.balances.merge(RawObject::parse(*balances).value_or(RawObject{}));
	}
	account.fields.erase("balances");
	account.live_balances = account.balances;
	account.id = account.fields.text_of("account_id");
	return account;
}

} // namespace ob::sandbox::plaid
