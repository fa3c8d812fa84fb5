// Decimal text from JSON numbers: exact, or refused.
#include "core/money.hpp"

#include <gtest/gtest.h>

#include <random>
#include <utility>

#include "core/error.hpp"

namespace ob::money {
namespace {

ErrorCode failure(std::string_view number, std::string *text = nullptr) {
	try {
		canonical(number);
	} catch (const Error &error) {
		if (text)
			*text = error.message() + error.detail() + error.hint();
		return error.code();
	}
	return ErrorCode::internal;
}

TEST(Money, KeepsWhatWasSent) {
	for (std::string_view number : {"0", "1", "12.34", "12.30", "-12.34", "0.00", "1000000", "0.00000001", "-0.5",
	                                "123456789012345678901234567890.123456789012345678"})
		EXPECT_EQ(canonical(number), number);
}

TEST(Money, ZeroHasNoSign) {
	EXPECT_EQ(canonical("-0"), "0");
	EXPECT_EQ(canonical("-0.00"), "0.00");
	EXPECT_EQ(canonical("-0e5"), "0");
	EXPECT_EQ(canonical("-0.0e-2"), "0.000");
}

TEST(Money, ExpandsExponentsExactly) {
	const std::pair<std::string_view, std::string_view> cases[] = {
	    {"1e-8", "0.00000001"},
	    {"1E-8", "0.00000001"},
	    {"1e2", "100"},
	    {"1e+2", "100"},
	    {"1.5e1", "15"},
	    {"1.50e1", "15.0"},
	    {"-1.50e1", "-15.0"},
	    {"12.345e1", "123.45"},
	    {"12.345e-1", "1.2345"},
	    {"0.001e3", "1"},
	    {"0.0015e3", "1.5"},
	    {"100e-2", "1.00"},
	    {"1e0", "1"},
	    {"1e00000000000000000002", "100"},
	    {"0e999999999999999999999", "0"},
	    {"0e-999999999999999999999", "0.000000000000000000"},
	    {"1e29", "100000000000000000000000000000"},
	    {"1e-18", "0.000000000000000001"},
	    {"0.000000000000000000000000000001e30", "1"},
	    {"1000000000000000000000000000000000e-10", "100000000000000000000000.0000000000"},
	};
	for (const auto &[number, text] : cases)
		EXPECT_EQ(canonical(number), text) << number;
}

TEST(Money, DropsOnlyZerosBeyondTheScale) {
	EXPECT_EQ(canonical("1.0000000000000000000000"), "1.000000000000000000");
	EXPECT_EQ(canonical("0.1234567890123456780000"), "0.123456789012345678");
	EXPECT_EQ(failure("1.0000000000000000001"), ErrorCode::bad_reply);
}

TEST(Money, RefusesWhatDoesNotFit) {
	for (std::string_view number :
	     {"1234567890123456789012345678901", "1e30", "-1e30", "1e-19", "1e999999999999999999999999",
	      "1e-999999999999999999999999", "1e2147483648", "1e9223372036854775808", "0.1e31"}) {
		EXPECT_EQ(failure(number), ErrorCode::bad_reply) << number;
		EXPECT_FALSE(valid(number)) << number;
	}
	EXPECT_EQ(canonical("0.1e30"), "100000000000000000000000000000");
}

TEST(Money, RefusesWhatIsNoJsonNumber) {
	for (std::string_view number :
	     {"",    "-",  "+1", "01", "-01", "00",   ".5",  "5.",       "1.e2",  "1e",    "1e+",   "1e-",      "1e1.5",
	      "--1", "1-", " 1", "1 ", "1,5", "0x10", "NaN", "Infinity", "1_000", "1.2.3", "1e5e5", "\xD9\xA1", "1\n"}) {
		EXPECT_EQ(failure(number), ErrorCode::bad_reply) << number;
		EXPECT_FALSE(valid(number)) << number;
	}
	EXPECT_FALSE(valid(std::string_view("1\0", 2)));
}

TEST(Money, FailuresDoNotTellTheValue) {
	std::string text;
	failure("98765432198765432198765432198765432.1", &text);
	EXPECT_EQ(text.find("9876"), std::string::npos);
	text.clear();
	failure("98765x", &text);
	EXPECT_EQ(text.find("9876"), std::string::npos);
}

TEST(Money, Negates) {
	EXPECT_EQ(negated("12.30"), "-12.30");
	EXPECT_EQ(negated("-12.30"), "12.30");
	EXPECT_EQ(negated("0.00"), "0.00");
	EXPECT_EQ(negated("0"), "0");
	EXPECT_EQ(negated("0.01"), "-0.01");
	EXPECT_EQ(negated(""), "");
}

TEST(Money, WritesIntoABuffer) {
	char buffer[kMaxLength];
	const auto written = [&](std::string_view number, bool negate) {
		return std::string(buffer, canonical_to(buffer, number, negate));
	};
	EXPECT_EQ(written("12.30", true), "-12.30");
	EXPECT_EQ(written("-12.30", true), "12.30");
	EXPECT_EQ(written("-0.00", true), "0.00");
	EXPECT_EQ(written("0.00", true), "0.00");
	EXPECT_EQ(written("1.5e1", true), "-15");
	EXPECT_EQ(written("-123456789012345678901234567890.123456789012345678", false).size(), kMaxLength);
	EXPECT_EQ(written("-12345678901234567890123456789e1", false), "-123456789012345678901234567890");
}

/// A number in both notations gives one text: digits with a point at any place against digits and exponent.
TEST(Money, NotationsAgree) {
	std::mt19937_64 random(7);
	const auto upto = [&](std::uint64_t n) { return random() % (n + 1); };
	for (int i = 0; i < 20000; ++i) {
		std::string whole = std::to_string(upto(999999999));
		std::string fraction = std::to_string(upto(99999999));
		fraction.insert(0, upto(6), '0');
		const std::string plain = whole + "." + fraction;
		const std::string exponent = (whole == "0" ? std::string("0.") + fraction + "e0"
		                                           : whole + fraction + "e-" + std::to_string(fraction.size()));
		EXPECT_EQ(canonical(plain), canonical(exponent));
		EXPECT_EQ(canonical(plain), plain);
		EXPECT_EQ(negated(negated(plain)), plain);
	}
}

} // namespace
} // namespace ob::money
