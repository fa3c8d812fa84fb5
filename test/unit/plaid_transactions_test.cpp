#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/time.hpp"
#include "providers/plaid/transactions.hpp"

namespace ob::providers::plaid {
namespace {

// The shape of the contract's example, every field present.
constexpr const char *kFull = R"({
	"account_id": "acc1",
	"account_owner": null,
	"amount": 72.1,
	"authorized_date": "2026-02-27",
	"authorized_datetime": "2026-02-27T10:34:50Z",
	"category": ["Shops", "Supermarkets and Groceries"],
	"category_id": "19046000",
	"check_number": null,
	"counterparties": [
		{"name": "Market Hall", "type": "merchant", "logo_url": null, "website": "x.example", "entity_id": "e1",
		 "confidence_level": "VERY_HIGH", "account_numbers": {"bacs": null, "international": null}},
		{"name": "Second", "type": "payment_app"}],
	"date": "2026-03-01",
	"datetime": "2026-03-01T11:00:00.987654321-05:00",
	"iso_currency_code": "USD",
	"location": {"address": "1 Street", "city": "Layton", "country": "US", "lat": 41.1, "lon": -111.9,
		"postal_code": "84041", "region": "UT", "store_number": "1700"},
	"logo_url": null,
	"merchant_entity_id": "e1",
	"merchant_name": "Market",
	"name": "PURCHASE MARKET #1700",
	"original_description": "POS DEBIT MARKET 1700 LAYTON UT",
	"payment_channel": "in store",
	"payment_meta": {"by_order_of": null, "payee": null, "payer": null, "payment_method": null,
		"payment_processor": null, "ppd_id": null, "reason": null, "reference_number": "REF 7"},
	"pending": false,
	"pending_transaction_id": "pend1",
	"personal_finance_category": {"confidence_level": "VERY_HIGH", "detailed": "GENERAL_MERCHANDISE_SUPERSTORES",
		"primary": "GENERAL_MERCHANDISE", "version": "v2"},
	"personal_finance_category_icon_url": "https://x.example/i.png",
	"transaction_code": "purchase",
	"transaction_id": "tx1",
	"transaction_type": "place",
	"unofficial_currency_code": null,
	"website": null,
	"something_new": {"a": [1, 2, {"b": null}]}
})";

/// A page read from one transaction object.
struct Read {
	explicit Read(const std::string &json, Raw raw = Raw::keep) : body(std::make_unique<json::Body>(json)) {
		json::Reader reader(*body);
		read_transaction(reader.root(), *body, raw, page);
		reader.finish();
	}
	const Transaction &row() const { return page.rows.at(0); }
	std::unique_ptr<json::Body> body;
	TransactionPage page;
};

/// The smallest row that can be stored, with more fields in front.
std::string minimal(const std::string &more = {}) {
	return "{" + more + R"("transaction_id":"t","account_id":"a","date":"2026-03-01","amount":1})";
}

TEST(PlaidTransaction, ReadsEveryField) {
	const Read read(kFull);
	const Transaction &row = read.row();
	EXPECT_EQ(row.id, "tx1");
	EXPECT_EQ(row.account_id, "acc1");
	EXPECT_FALSE(row.pending);
	EXPECT_EQ(row.amount, "-72.1");
	EXPECT_EQ(row.currency, "USD");
	EXPECT_EQ(time::format_date(row.date), "2026-03-01");
	ASSERT_TRUE(row.authorized_date);
	EXPECT_EQ(time::format_date(*row.authorized_date), "2026-02-27");
	ASSERT_TRUE(row.booked_at);
	EXPECT_EQ(time::format_timestamp(*row.booked_at), "2026-03-01T16:00:00.987654Z");
	EXPECT_EQ(row.description, "POS DEBIT MARKET 1700 LAYTON UT");
	EXPECT_EQ(row.merchant_name, "Market");
	EXPECT_EQ(row.counterparty, "Market Hall");
	EXPECT_EQ(row.category, "GENERAL_MERCHANDISE");
	EXPECT_EQ(row.category_detail, "GENERAL_MERCHANDISE_SUPERSTORES");
	EXPECT_EQ(row.type, "purchase");
	EXPECT_EQ(row.reference, "REF 7");
	EXPECT_EQ(row.running_balance, "");
	EXPECT_EQ(row.pending_transaction_id, "pend1");
	EXPECT_EQ(row.raw, kFull);
	EXPECT_TRUE(read.page.rejected.empty());
}

TEST(PlaidTransaction, RejectsWhatCannotBeStored) {
	const auto reason = [](const char *json) {
		const Read read(json);
		EXPECT_TRUE(read.page.rows.empty()) << json;
		EXPECT_EQ(read.page.rejected.size(), 1u) << json;
		EXPECT_EQ(read.page.rejected.at(0).raw, json);
		return read.page.rejected.at(0).reason;
	};
	EXPECT_EQ(reason(R"({"account_id":"a","date":"2026-03-01","amount":1})"), "transaction_id is missing");
	EXPECT_EQ(reason(R"({"transaction_id":"","account_id":"a","date":"2026-03-01","amount":1})"),
	          "transaction_id is missing");
	EXPECT_EQ(reason(R"({"transaction_id":17,"account_id":"a","date":"2026-03-01","amount":1})"),
	          "transaction_id is missing");
	EXPECT_EQ(reason(R"({"transaction_id":"t","account_id":null,"date":"2026-03-01","amount":1})"),
	          "account_id is missing");
	EXPECT_EQ(reason(R"({"transaction_id":"t","account_id":"a","date":"2026-03-01"})"),
	          "amount is missing or no number");
	EXPECT_EQ(reason(R"({"transaction_id":"t","account_id":"a","date":"2026-03-01","amount":null})"),
	          "amount is missing or no number");
	EXPECT_EQ(reason(R"({"transaction_id":"t","account_id":"a","date":"2026-03-01","amount":"12.00"})"),
	          "amount is missing or no number");
	EXPECT_EQ(reason(R"({"transaction_id":"t","account_id":"a","date":"2026-03-01","amount":1e31})"),
	          "amount is out of range");
	EXPECT_EQ(reason(R"({"transaction_id":"t","account_id":"a","date":"2026-03-01","amount":1e-19})"),
	          "amount is out of range");
	EXPECT_EQ(reason(R"({"transaction_id":"t","account_id":"a","amount":1})"), "date is missing");
	EXPECT_EQ(reason(R"({"transaction_id":"t","account_id":"a","date":"2026-02-29","amount":1})"), "date is no day");
	EXPECT_EQ(reason(R"({"transaction_id":"t","account_id":"a","date":"01/03/2026","amount":1})"), "date is no day");
	const std::string long_id(1001, 'x');
	const auto with_ids = [](const std::string &id, const std::string &account) {
		return R"({"transaction_id":")" + id + R"(","account_id":")" + account + R"(","date":"2026-03-01","amount":1})";
	};
	EXPECT_EQ(reason(with_ids(long_id, "a").c_str()), "transaction_id is too long");
	EXPECT_EQ(reason(with_ids("t", long_id).c_str()), "account_id is too long");
	EXPECT_EQ(reason(minimal(R"("location":{"lat":1e400000},)").c_str()), "a number is out of range");
	EXPECT_EQ(reason(R"("text")"), "the transaction is no object");
	EXPECT_EQ(reason("null"), "the transaction is no object");
	EXPECT_EQ(Read(with_ids(long_id.substr(1), long_id.substr(1))).page.rows.size(), 1u);
	EXPECT_EQ(Read(minimal(R"("location":{"lat":1e400000},)"), Raw::drop).page.rows.size(), 1u) << "it is not stored";
}

TEST(PlaidTransaction, RejectedRowsSayWhichTheyAre) {
	const Read read(R"({"transaction_id":"t","account_id":"a","amount":1})", Raw::drop);
	EXPECT_EQ(read.page.rejected.at(0).transaction_id, "t");
	EXPECT_EQ(read.page.rejected.at(0).account_id, "a");
	EXPECT_FALSE(read.page.rejected.at(0).raw.empty());
}

TEST(PlaidTransaction, ChoosesAmongSources) {
	const auto row = [](const std::string &more) {
		static std::unique_ptr<Read> kept;
		kept = std::make_unique<Read>(minimal(more));
		return kept->row();
	};
	EXPECT_EQ(row(R"("name":"N","original_description":null,)").description, "N");
	EXPECT_EQ(row(R"("name":"N","original_description":"",)").description, "N");
	EXPECT_EQ(row(R"("name":"N","original_description":"O",)").description, "O");
	EXPECT_EQ(row(R"("iso_currency_code":null,"unofficial_currency_code":"DOGE",)").currency, "DOGE");
	EXPECT_EQ(row("").currency, "");
	EXPECT_EQ(row(R"("transaction_code":null,"payment_channel":"online",)").type, "online");
	EXPECT_EQ(row(R"("transaction_code":"late fee","payment_channel":"online",)").type, "late fee");
	EXPECT_EQ(row(R"("check_number":"1007","payment_meta":{"reference_number":"R"},)").reference, "1007");
	EXPECT_EQ(row(R"("check_number":"","payment_meta":{"reference_number":"R"},)").reference, "R");
	EXPECT_EQ(row(R"("payment_meta":null,)").reference, "");
	EXPECT_EQ(row(R"("counterparties":null,)").counterparty, "");
	EXPECT_EQ(row(R"("counterparties":[{"name":null},{"name":"B"}],)").counterparty, "B");
	EXPECT_EQ(row(R"("category":["Food","Coffee"],"personal_finance_category":null,)").category, "Food");
	EXPECT_EQ(row(R"("category":["Food","Coffee"],)").category_detail, "Coffee");
	EXPECT_EQ(row(R"("category":["Food"],)").category_detail, "");
	EXPECT_EQ(row(R"("category":["Food"],"personal_finance_category":{"primary":"P","detailed":"D"},)").category, "P");
	EXPECT_EQ(
	    row(R"("category":["Food","X"],"personal_finance_category":{"primary":"P","detailed":null},)").category_detail,
	    "");
	EXPECT_TRUE(row(R"("pending":true,)").pending);
	EXPECT_FALSE(row(R"("pending":null,)").pending);
}

TEST(PlaidTransaction, MidnightIsNoTime) {
	const auto booked = [](const char *datetime) {
		return Read(minimal("\"datetime\":" + std::string(datetime) + ",")).row().booked_at;
	};
	EXPECT_FALSE(booked("null"));
	EXPECT_FALSE(booked("\"2026-03-01T00:00:00Z\""));
	EXPECT_FALSE(booked("\"2026-03-01T00:00:00.000Z\""));
	EXPECT_FALSE(booked("\"2026-03-01T00:00:00-05:00\""));
	EXPECT_FALSE(booked("\"2026-03-01\""));
	EXPECT_FALSE(booked("\"soon\""));
	EXPECT_FALSE(booked("12"));
	ASSERT_TRUE(booked("\"2026-03-01T00:00:01Z\""));
	// Midnight in UTC, but not where the bank is.
	ASSERT_TRUE(booked("\"2026-03-01T19:00:00-05:00\""));
	EXPECT_EQ(time::format_timestamp(*booked("\"2026-03-01T19:00:00-05:00\"")), "2026-03-02T00:00:00Z");
}

TEST(PlaidTransaction, OptionalFieldsOfAnotherTypeCountAsAbsent) {
	const Read read(minimal(
	    R"("name":5,"merchant_name":{"a":1},"authorized_date":"yesterday","category":"Food","counterparties":{"name":"x"},)"
	    R"("personal_finance_category":[1],"payment_meta":"p","pending":"yes","check_number":7,"iso_currency_code":1,)"));
	const Transaction &row = read.row();
	EXPECT_EQ(row.description, "");
	EXPECT_EQ(row.merchant_name, "");
	EXPECT_FALSE(row.authorized_date);
	EXPECT_EQ(row.category, "");
	EXPECT_EQ(row.counterparty, "");
	EXPECT_EQ(row.reference, "");
	EXPECT_EQ(row.currency, "");
	EXPECT_FALSE(row.pending);
}

TEST(PlaidTransaction, CardNumbersAreCutEverywhere) {
	const Read read(
	    minimal(R"("original_description":"CARD 4111111111111111 SHOP","merchant_name":"5555-5555-5555-4444",)"
	            R"("counterparties":[{"name":"4111111111111111"}],"check_number":"4111111111111111",)"));
	const Transaction &row = read.row();
	EXPECT_EQ(row.description, "CARD ************1111 SHOP");
	EXPECT_EQ(row.merchant_name, "************4444");
	EXPECT_EQ(row.counterparty, "************1111");
	EXPECT_EQ(row.reference, "************1111");
	EXPECT_EQ(row.raw.find("41111111"), std::string::npos) << row.raw;
	EXPECT_EQ(Read(R"({"name":"4111111111111111"})").page.rejected.at(0).raw.find("41111111"), std::string::npos);
}

TEST(PlaidTransaction, AccountNumbersOfCounterpartiesAreMasked) {
	const std::string numbers = R"("account_numbers":{"bacs":{"account":"31926819","sort_code":"601613"},)"
	                            R"("international":{"iban":"GB29NWBK60161331926819","bic":"NWBKGB21"}})";
	for (const std::string &list : {"[{\"name\":\"Ann\"," + numbers + "}]", "[{\"name\":\"Ann\"},{" + numbers + "}]"}) {
		const Read read(minimal(R"("counterparties":)" + list + ","));
		EXPECT_EQ(read.row().counterparty, "Ann");
		EXPECT_EQ(read.row().raw.find("31926819"), std::string::npos) << read.row().raw;
		EXPECT_NE(read.row().raw.find(R"("iban":"****6819")"), std::string::npos) << read.row().raw;
		EXPECT_EQ(Read("{\"counterparties\":" + list + "}").page.rejected.at(0).raw.find("31926819"), std::string::npos);
	}
}

TEST(PlaidTransaction, NamesThatLookLikeOtherThingsStayText) {
	EXPECT_EQ(Read(minimal(R"("name":"2026-01-01",)")).row().description, "2026-01-01");
	EXPECT_EQ(Read(minimal(R"("name":"null",)")).row().description, "null");
	EXPECT_EQ(Read(minimal(R"("name":"a\"b\\c\u0000d\ud800e \ud83d\ude00",)")).row().description, "a\"b\\c\xEF\xBF\xBD"
	                                                                                              "d\xEF\xBF\xBD"
	                                                                                              "e \xF0\x9F\x98\x80");
}

TEST(PlaidTransaction, RawIsLeftOutOnRequest) {
	EXPECT_EQ(Read(minimal(), Raw::drop).row().raw, "");
}

TEST(PlaidTransaction, SettlesIdsWithinAPage) {
	TransactionPage page;
	const auto add = [&](std::string_view id, std::string_view amount) {
		Transaction row;
		row.id = id;
		row.account_id = "a";
		row.amount = amount;
		page.rows.push_back(row);
	};
	add("1", "1");
	add("2", "1");
	add("3", "1");
	add("1", "2"); // modified
	add("4", "1");
	page.rejected.push_back({"5", "a", "date is missing", "{}"});
	page.rejected.push_back({"6", "a", "date is missing", "{}"});
	page.removed = {{"3", "a"}, {"5", ""}, {"9", ""}, {"9", "a"}};
	settle_ids(page);
	ASSERT_EQ(page.rows.size(), 3u);
	EXPECT_EQ(page.rows[0].id, "2");
	EXPECT_EQ(page.rows[1].id, "1");
	EXPECT_EQ(page.rows[1].amount, "2");
	EXPECT_EQ(page.rows[2].id, "4");
	ASSERT_EQ(page.rejected.size(), 1u);
	EXPECT_EQ(page.rejected[0].transaction_id, "6");
	EXPECT_EQ(page.removed.size(), 3u);
}

} // namespace
} // namespace ob::providers::plaid
