// The table of cases: what Plaid sends, and what becomes of it. Negative is money out of the holder's hands, or owed,
// on every type of account; available and limit keep their sign.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "core/time.hpp"
#include "providers/plaid/accounts.hpp"
#include "providers/plaid/transactions.hpp"

namespace ob::providers::plaid {
namespace {

/// The balances of an account, and the amount of a transaction on it.
struct Money {
	const char *current;
	const char *available;
	const char *limit;
	const char *amount;
};

struct SignCase {
	const char *what;
	const char *type;
	const char *subtype;
	Money plaids;
	const char *our_type;
	Money ours;
};

// clang-format off
constexpr SignCase kSigns[] = {
    // what, Plaid's type and subtype, its {current, available, limit, amount}, our type, our {…}
    {"wages on a checking account", "depository", "checking", {"110.55", "100", "null", "-1200"}, "checking", {"110.55", "100", "", "1200"}},
    {"a purchase from an overdrawn account", "depository", "checking", {"-20.10", "-20.10", "500", "12.34"}, "checking", {"-20.10", "-20.10", "500", "-12.34"}},
    {"a checking account for some purposes", "depository", "limited purpose checking", {"5", "5", "null", "1"}, "checking", {"5", "5", "", "-1"}},
    {"interest on savings", "depository", "savings", {"210", "null", "null", "-4.22"}, "savings", {"210", "", "", "4.22"}},
    {"a withdrawal from the money market", "depository", "money market", {"43200", "43200", "null", "200.00"}, "savings", {"43200", "43200", "", "-200.00"}},
    {"a certificate of deposit", "depository", "cd", {"1000.00", "null", "null", "-1000.00"}, "savings", {"1000.00", "", "", "1000.00"}},
    {"health savings at a bank", "depository", "hsa", {"6009", "5900", "null", "109"}, "savings", {"6009", "5900", "", "-109"}},
    {"cash management", "depository", "cash management", {"12060", "12060", "null", "-60"}, "cash", {"12060", "12060", "", "60"}},
    {"a purse at PayPal", "depository", "paypal", {"80.10", "80.10", "null", "19.90"}, "cash", {"80.10", "80.10", "", "-19.90"}},
    {"a prepaid card", "depository", "prepaid", {"5", "5", "null", "3"}, "cash", {"5", "5", "", "-3"}},
    {"benefits on a card", "depository", "ebt", {"150", "150", "null", "-150"}, "cash", {"150", "150", "", "150"}},

    {"a purchase on a card is money out", "credit", "credit card", {"410.00", "1590", "2000", "89.40"}, "credit_card", {"-410.00", "1590", "2000", "-89.40"}},
    {"a refund on a card is money in", "credit", "credit card", {"320.60", "1679.40", "2000", "-89.40"}, "credit_card", {"-320.60", "1679.40", "2000", "89.40"}},
    {"a payment towards a card is money in there", "credit", "credit card", {"0", "2000", "2000", "-500.00"}, "credit_card", {"0", "2000", "2000", "500.00"}},
    {"an overpaid card is the holder's money", "credit", "credit card", {"-25.50", "2025.50", "2000", "-525.50"}, "credit_card", {"25.50", "2025.50", "2000", "525.50"}},
    {"a card beyond its limit", "credit", "credit card", {"2100", "-100", "2000", "100"}, "credit_card", {"-2100", "-100", "2000", "-100"}},
    {"a settled card has no minus zero", "credit", "credit card", {"0.00", "2000", "2000", "0.00"}, "credit_card", {"0.00", "2000", "2000", "0.00"}},
    {"credit at PayPal", "credit", "paypal", {"7", "null", "null", "7"}, "credit_card", {"-7", "", "", "-7"}},
    {"a charge card, newer than the contract", "credit", "charge card", {"7", "null", "null", "7"}, "credit_card", {"-7", "", "", "-7"}},

    {"a payment towards a mortgage is money in there", "loan", "mortgage", {"56302.06", "null", "null", "-1800"}, "mortgage", {"-56302.06", "", "", "1800"}},
    {"interest that a student loan costs", "loan", "student", {"65262", "null", "null", "25"}, "student_loan", {"-65262", "", "", "-25"}},
    {"an auto loan", "loan", "auto", {"12000.5", "null", "null", "-300.5"}, "loan", {"-12000.5", "", "", "300.5"}},
    {"a loan on the house", "loan", "home equity", {"30000", "20000", "50000", "1"}, "loan", {"-30000", "20000", "50000", "-1"}},
    {"a drawn line of credit", "loan", "line of credit", {"300", "700", "1000", "300"}, "loan", {"-300", "700", "1000", "-300"}},
    {"an overpaid loan", "loan", "consumer", {"-10", "null", "null", "-10"}, "loan", {"10", "", "", "10"}},
    {"another loan", "loan", "other", {"10", "null", "null", "-1"}, "loan", {"-10", "", "", "1"}},
    {"a loan of an unknown kind is a loan", "loan", "moon mortgage", {"12", "null", "null", "-1"}, "loan", {"-12", "", "", "1"}},

    {"a purchase of shares", "investment", "brokerage", {"320.76", "null", "null", "100"}, "investment", {"320.76", "", "", "-100"}},
    {"a retirement account", "investment", "ira", {"320.76", "null", "null", "-20"}, "investment", {"320.76", "", "", "20"}},
    {"another one", "investment", "401k", {"23631.9805", "null", "null", "-0.0005"}, "investment", {"23631.9805", "", "", "0.0005"}},
    {"a crypto exchange", "investment", "crypto exchange", {"1e-8", "1e-8", "null", "1e-8"}, "investment", {"0.00000001", "0.00000001", "", "-0.00000001"}},
    {"health savings that are invested", "investment", "hsa", {"23", "null", "null", "-23"}, "investment", {"23", "", "", "23"}},
    {"a line of credit on securities, listed as an investment", "investment", "line of credit", {"23", "null", "null", "1"}, "investment", {"23", "", "", "-1"}},
    {"another investment", "investment", "other", {"23", "null", "null", "1"}, "investment", {"23", "", "", "-1"}},
    {"the old name of investment", "brokerage", "brokerage", {"1", "null", "null", "1"}, "investment", {"1", "", "", "-1"}},

    {"other", "other", "other", {"12", "null", "null", "1"}, "other", {"12", "", "", "-1"}},
    {"payroll", "other", "payroll", {"12", "null", "null", "-1"}, "other", {"12", "", "", "1"}},
    {"a type nobody knows", "stablecoin", "vault", {"12", "10", "5", "1"}, "other", {"12", "10", "5", "-1"}},
    {"a subtype nobody knows", "depository", "sock drawer", {"12", "null", "null", "1"}, "other", {"12", "", "", "-1"}},
    {"names are case sensitive", "depository", "Checking", {"12", "null", "null", "1"}, "other", {"12", "", "", "-1"}},
    {"no subtype", "depository", "", {"12", "null", "null", "1"}, "other", {"12", "", "", "-1"}},
    {"a card without subtype is a card", "credit", "", {"12", "null", "null", "1"}, "credit_card", {"-12", "", "", "-1"}},

    {"beyond double", "credit", "credit card", {"12345678901234.56", "null", "null", "12345678901234.56"}, "credit_card", {"-12345678901234.56", "", "", "-12345678901234.56"}},
    {"thirty digits", "depository", "checking", {"999999999999999999999999999999.5", "null", "null", "999999999999999999999999999999.5"}, "checking", {"999999999999999999999999999999.5", "", "", "-999999999999999999999999999999.5"}},
    {"three decimals", "depository", "checking", {"10.005", "9.500", "null", "0.505"}, "checking", {"10.005", "9.500", "", "-0.505"}},
    {"an exponent", "loan", "student", {"6.5E4", "null", "null", "1.5E3"}, "student_loan", {"-65000", "", "", "-1500"}},
    {"zero", "loan", "auto", {"0", "null", "0", "0"}, "loan", {"0", "", "0", "0"}},
    {"minus zero", "loan", "auto", {"-0.0", "-0.0", "null", "-0.00"}, "loan", {"0.0", "0.0", "", "0.00"}},
    {"no balances", "credit", "credit card", {"null", "null", "null", "1"}, "credit_card", {"", "", "", "-1"}},
};
// clang-format on

Account read_account(const std::string &type, const std::string &subtype, const std::string &balances) {
	const std::string account =
	    R"({"account_id":"a","type":")" + type + R"(","subtype":")" + subtype + R"(","balances":{)" + balances + "}}";
	return std::move(read_accounts(R"({"accounts":[)" + account + R"(],"request_id":"r"})").accounts.at(0));
}

/// A page with one transaction of these fields, and the bytes behind it.
struct OneTransaction {
	explicit OneTransaction(const std::string &fields)
	    : body(R"({"transaction_id":"t","account_id":"a","date":"2026-03-01",)" + fields + "}") {
		json::Reader reader(body);
		read_transaction(reader.root(), body, Raw::drop, page);
		reader.finish();
	}
	const Transaction &row() const { return page.rows.at(0); }
	json::Body body;
	TransactionPage page;
};

TEST(PlaidSigns, FollowOneRule) {
	for (const SignCase &c : kSigns) {
		SCOPED_TRACE(c.what);
		const Account account = read_account(c.type, c.subtype,
		                                     std::string(R"("current":)") + c.plaids.current + R"(,"available":)" +
		                                         c.plaids.available + R"(,"limit":)" + c.plaids.limit);
		EXPECT_EQ(account.type, c.our_type);
		EXPECT_EQ(account.provider_type, c.type);
		EXPECT_EQ(account.provider_subtype, c.subtype);
		EXPECT_EQ(account.balance_current, c.ours.current);
		EXPECT_EQ(account.balance_available, c.ours.available);
		EXPECT_EQ(account.credit_limit, c.ours.limit);
		EXPECT_EQ(OneTransaction(std::string(R"("amount":)") + c.plaids.amount).row().amount, c.ours.amount);
	}
}

// ---- currencies and times ----

/// The members of these names: `codes` in an account's balances and in a transaction, `time` as a value.
struct FormCase {
	const char *what;
	const char *codes;
	const char *time;
	const char *currency;
	const char *at; // empty: no time
};

// clang-format off
constexpr FormCase kForms[] = {
    {"an official currency", R"("iso_currency_code":"JOD","unofficial_currency_code":null)", R"("2026-03-01T08:30:00Z")", "JOD", "2026-03-01T08:30:00Z"},
    {"an unofficial one", R"("iso_currency_code":null,"unofficial_currency_code":"BTC")", R"("2026-03-01T08:30:00.5Z")", "BTC", "2026-03-01T08:30:00.5Z"},
    {"an unofficial one alone", R"("unofficial_currency_code":"DOGE")", R"("2026-03-01T08:30:00-05:00")", "DOGE", "2026-03-01T13:30:00Z"},
    {"an empty official one", R"("iso_currency_code":"","unofficial_currency_code":"ETH")", R"("2026-03-01T08:30:00.123456789Z")", "ETH", "2026-03-01T08:30:00.123456Z"},
    {"nine digits are cut, not rounded", R"("iso_currency_code":"USD")", R"("2026-03-01T23:59:59.999999999Z")", "USD", "2026-03-01T23:59:59.999999Z"},
    {"null", R"("iso_currency_code":null,"unofficial_currency_code":null)", "null", "", ""},
    {"empty", R"("iso_currency_code":"","unofficial_currency_code":"")", R"("")", "", ""},
    {"no offset is no time", R"("x":1)", R"("2026-03-01T08:30:00")", "", ""},
    {"a day is no time", R"("x":1)", R"("2026-03-01")", "", ""},
};
// clang-format on

std::string text_of(const std::optional<Timestamp> &at) {
	return at ? time::format_timestamp(*at) : "";
}

TEST(PlaidForms, AreAlikeInAccountsAndTransactions) {
	for (const FormCase &c : kForms) {
		SCOPED_TRACE(c.what);
		const Account account =
		    read_account("depository", "checking", std::string(c.codes) + R"(,"last_updated_datetime":)" + c.time);
		EXPECT_EQ(account.currency, c.currency);
		EXPECT_EQ(text_of(account.balance_at), c.at);
		const OneTransaction transaction(std::string(c.codes) + R"(,"amount":1,"datetime":)" + c.time);
		EXPECT_EQ(transaction.row().currency, c.currency);
		EXPECT_EQ(text_of(transaction.row().booked_at), c.at);
	}
	// Absent is like null.
	EXPECT_EQ(read_account("depository", "checking", "").currency, "");
	EXPECT_FALSE(read_account("depository", "checking", "").balance_at);
	EXPECT_EQ(OneTransaction(R"("amount":1)").row().currency, "");
	EXPECT_FALSE(OneTransaction(R"("amount":1)").row().booked_at);
}

} // namespace
} // namespace ob::providers::plaid
