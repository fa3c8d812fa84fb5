// TrueLayer's rows in the neutral model: signs, ids, times.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/time.hpp"
#include "providers/truelayer/times.hpp"
#include "providers/truelayer/transactions.hpp"

namespace ob::providers::truelayer {
namespace {

/// A page read from one transaction.
struct Read {
	explicit Read(const std::string &json, RowContext context = {}) : body(std::make_unique<json::Body>(json)) {
		context.account_id = "acc1";
		json::Reader reader(*body);
		read_transaction(reader.root(), *body, context, page);
		reader.finish();
	}
	const Transaction &row() const { return page.rows.at(0); }
	std::unique_ptr<json::Body> body;
	TransactionPage page;
};

constexpr const char *kFull = R"({
	"transaction_id": "03c333979b729315545816aaa365c33f",
	"normalised_provider_transaction_id": "txn-ajdifh38fheu5hgue",
	"provider_transaction_id": "9882ks-00js",
	"timestamp": "2018-03-06T00:00:00",
	"description": "GOOGLE PLAY STORE",
	"amount": -2.99,
	"currency": "GBP",
	"transaction_type": "DEBIT",
	"transaction_category": "PURCHASE",
	"transaction_classification": ["Entertainment", "Games"],
	"merchant_name": "Google play",
	"running_balance": {"amount": 1238.60, "currency": "GBP"},
	"meta": {"bank_transaction_id": "9882ks-00js", "provider_reference": "REF 7",
		"counter_party_preferred_name": "Google Ltd", "counter_party_iban": "GB33BUKB20201555555555"}
})";

TEST(TrueLayerRows, EveryFieldFindsItsPlace) {
	const Read read(kFull);
	const Transaction &row = read.row();
	EXPECT_EQ(row.id, "txn-ajdifh38fheu5hgue");
	EXPECT_EQ(row.account_id, "acc1");
	EXPECT_FALSE(row.pending);
	EXPECT_EQ(row.amount, "-2.99");
	EXPECT_EQ(row.currency, "GBP");
	EXPECT_EQ(time::format_date(row.date), "2018-03-06");
	EXPECT_FALSE(row.booked_at);
	EXPECT_EQ(row.description, "GOOGLE PLAY STORE");
	EXPECT_EQ(row.merchant_name, "Google play");
	EXPECT_EQ(row.counterparty, "Google Ltd");
	EXPECT_EQ(row.category, "Entertainment");
	EXPECT_EQ(row.category_detail, "Games");
	EXPECT_EQ(row.type, "PURCHASE");
	EXPECT_EQ(row.reference, "REF 7");
	EXPECT_EQ(row.running_balance, "1238.60");
	EXPECT_EQ(row.raw.find("GB33BUKB"), std::string::npos) << "the other side's number in full";
	EXPECT_NE(row.raw.find("9882ks-00js"), std::string::npos);
}

std::string row(const std::string &amount, const std::string &type, const std::string &more = {}) {
	return R"({"timestamp":"2026-03-01T00:00:00","amount":)" + amount + R"(,"currency":"GBP")" +
	       (type.empty() ? "" : R"(,"transaction_type":")" + type + "\"") + more + "}";
}

struct Sign {
	const char *amount;
	const char *type;
	const char *account;     // by type
	const char *card;        // by type
	const char *account_raw; // as sent
	const char *card_raw;
};

TEST(TrueLayerRows, AmountsHaveOurSign) {
	for (const Sign &want : std::initializer_list<Sign>{
	         {"-2.99", "DEBIT", "-2.99", "-2.99", "-2.99", "2.99"},
	         {"2.99", "DEBIT", "-2.99", "-2.99", "2.99", "-2.99"},
	         {"20.5", "CREDIT", "20.5", "20.5", "20.5", "-20.5"},
	         {"-20.5", "CREDIT", "20.5", "20.5", "-20.5", "20.5"},
	         {"-7", "", "-7", "7", "-7", "7"},
	         {"7", "REVERSAL", "7", "-7", "7", "-7"},
	         {"0", "DEBIT", "0", "0", "0", "0"},
	         {"-0.00", "CREDIT", "0.00", "0.00", "0.00", "0.00"},
	     }) {
		const std::string json = row(want.amount, want.type);
		EXPECT_EQ(Read(json).row().amount, want.account) << json;
		EXPECT_EQ(Read(json, {.card = true}).row().amount, want.card) << json;
		EXPECT_EQ(Read(json, {.sign_mode = SignMode::raw}).row().amount, want.account_raw) << json;
		EXPECT_EQ(Read(json, {.card = true, .sign_mode = SignMode::raw}).row().amount, want.card_raw) << json;
	}
}

TEST(TrueLayerRows, AContradictionIsNoticed) {
	struct Case {
		const char *amount;
		const char *type;
		bool of_account;
		bool of_card;
	};
	for (const Case &want : std::initializer_list<Case>{{"-2.99", "DEBIT", false, true},
	                                                    {"2.99", "DEBIT", true, false},
	                                                    {"20.5", "CREDIT", false, true},
	                                                    {"-20.5", "CREDIT", true, false},
	                                                    {"0.00", "DEBIT", false, false},
	                                                    {"-0e9", "CREDIT", false, false},
	                                                    {"1", "", true, true}}) {
		for (const SignMode mode : {SignMode::by_type, SignMode::raw}) {
			bool contradicts = false;
			const Read account(row(want.amount, want.type), {.sign_mode = mode, .contradicts = &contradicts});
			EXPECT_EQ(contradicts, want.of_account) << want.amount << want.type;
			contradicts = false;
			const Read card(row(want.amount, want.type),
			                {.card = true, .sign_mode = mode, .contradicts = &contradicts});
			EXPECT_EQ(contradicts, want.of_card) << want.amount << want.type;
		}
	}
}

TEST(TrueLayerRows, AmountsAreExact) {
	EXPECT_EQ(Read(row("-123456789012345678.123456789012345678", "DEBIT")).row().amount,
	          "-123456789012345678.123456789012345678");
	EXPECT_EQ(Read(row("1.10", "CREDIT")).row().amount, "1.10");
}

TEST(TrueLayerRows, ACardsRunningBalanceIsOwed) {
	const std::string json = row("24.25", "DEBIT", R"(,"running_balance":{"amount":1238.6,"currency":"GBP"})");
	EXPECT_EQ(Read(json, {.card = true}).row().running_balance, "-1238.6");
	EXPECT_EQ(Read(json).row().running_balance, "1238.6");
	const std::string other = row("24.25", "DEBIT", R"(,"running_balance":{"amount":1238.6,"currency":"EUR"})");
	EXPECT_EQ(Read(other).row().running_balance, "") << "of another currency";
}

TEST(TrueLayerRows, OnlyTheNormalisedIdLasts) {
	EXPECT_EQ(Read(row("1", "CREDIT", R"(,"transaction_id":"t1","provider_transaction_id":"p1")")).row().id, "");
	EXPECT_EQ(Read(row("1", "CREDIT", R"(,"normalised_provider_transaction_id":null)")).row().id, "");
}

TEST(TrueLayerRows, ClassificationsMayBeMissing) {
	for (const char *more : {"", R"(,"transaction_classification":[])", R"(,"transaction_classification":null)"}) {
		const Read read(row("1", "CREDIT", more));
		EXPECT_EQ(read.row().category, "") << more;
		EXPECT_EQ(read.row().category_detail, "") << more;
	}
	const Read one(row("1", "CREDIT", R"(,"transaction_classification":["Shopping"],"transaction_category":"OTHER")"));
	EXPECT_EQ(one.row().category, "Shopping");
	EXPECT_EQ(one.row().category_detail, "");
	EXPECT_EQ(one.row().type, "OTHER");
}

TEST(TrueLayerRows, PendingOnesAreMarked) {
	EXPECT_TRUE(Read(row("1", "CREDIT"), {.pending = true}).row().pending);
}

TEST(TrueLayerRows, ARowThatCannotBeStoredIsPutAside) {
	struct Bad {
		const char *json;
		const char *reason;
	};
	for (const Bad &bad : std::initializer_list<Bad>{
	         {R"({"timestamp":"2026-03-01","currency":"GBP"})", "amount is missing or no number"},
	         {R"({"timestamp":"2026-03-01","amount":"1.0"})", "amount is missing or no number"},
	         {R"({"timestamp":"2026-03-01","amount":1e40})", "amount is out of range"},
	         {R"({"amount":1})", "timestamp is missing"},
	         {R"({"timestamp":"2017-02-247T17:29:24.740802Z","amount":1})", "timestamp is no time"},
	         {R"({"timestamp":"0001-01-01T00:00:00Z","amount":1})", "timestamp is no time"},
	         {R"("text")", "the transaction is no object"},
	     }) {
		const Read read(bad.json);
		ASSERT_EQ(read.page.rejected.size(), 1u) << bad.json;
		EXPECT_EQ(read.page.rejected.front().reason, bad.reason);
		EXPECT_TRUE(read.page.rows.empty());
	}
	const Read named(R"({"normalised_provider_transaction_id":"n1","amount":1})");
	EXPECT_EQ(named.page.rejected.at(0).transaction_id, "n1");
}

TEST(TrueLayerRows, CardNumbersAreCut) {
	const Read read(
	    row("1", "DEBIT", R"(,"description":"CARD 4111 1111 1111 1111","merchant_name":"4111111111111111")"));
	EXPECT_EQ(read.row().description.find("4111 1111 1111"), std::string::npos);
	EXPECT_EQ(read.row().merchant_name.find("41111111"), std::string::npos);
	EXPECT_EQ(read.row().raw.find("41111111"), std::string::npos);
}

// ---- times ----

struct TimeCase {
	const char *text;
	const char *time; // "": none
	const char *day;
	bool of_day;
};

TEST(TrueLayerTimes, AreReadWithAndWithoutAZone) {
	for (const TimeCase &want : std::initializer_list<TimeCase>{
	         {"2018-03-06T00:00:00", "2018-03-06T00:00:00Z", "2018-03-06", false},
	         {"2018-03-06T00:00:00Z", "2018-03-06T00:00:00Z", "2018-03-06", false},
	         {"2018-03-06T23:30:00", "2018-03-06T23:30:00Z", "2018-03-06", true},
	         {"2018-03-06T23:30:00.123456789", "2018-03-06T23:30:00.123456Z", "2018-03-06", true},
	         {"2018-03-06T23:30:00-05:00", "2018-03-07T04:30:00Z", "2018-03-06", true},
	         {"2019-07-24T00:00:00+01:00", "2019-07-23T23:00:00Z", "2019-07-24", false},
	         {"2018-03-06", "", "2018-03-06", false},
	         {"0001-01-01T00:00:00Z", "", "", false},
	         {"0001-01-01", "", "", false},
	         {"2017-02-247T17:29:24.740802Z", "", "", true},
	         {"2018-02-30T00:00:00", "", "", false},
	         {"2018-03-06T23:30", "", "", false},
	         {"2018-03", "", "", false},
	         {"", "", "", false},
	     }) {
		const auto time = parse_time(want.text);
		EXPECT_EQ(time ? time::format_timestamp(*time) : "", want.time) << want.text;
		const auto day = parse_day(want.text);
		EXPECT_EQ(day ? time::format_date(*day) : "", want.day) << want.text;
		EXPECT_TRUE(!day || has_time_of_day(want.text) == want.of_day) << want.text;
	}
}

} // namespace
} // namespace ob::providers::truelayer
