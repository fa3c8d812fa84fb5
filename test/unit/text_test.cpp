// Text tools: hints, masks, card numbers, UTF-8.
#include "core/text.hpp"

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace ob::text {
namespace {

TEST(Text, AsciiCase) {
	EXPECT_EQ(lower_ascii("AbZ-09[Ä"), "abz-09[Ä");
	EXPECT_TRUE(iequals_ascii("Retry-After", "rETRY-aFTER"));
	EXPECT_FALSE(iequals_ascii("abc", "abcd"));
	EXPECT_FALSE(iequals_ascii("[", "{")); // 32 apart, as letters are
}

TEST(Text, TrimAndSplit) {
	EXPECT_EQ(trim(" \t a b \r\n"), "a b");
	EXPECT_EQ(trim(" \n "), "");
	EXPECT_EQ(trim(""), "");
	EXPECT_EQ(split("a, b,,c , "), (std::vector<std::string_view>{"a", "b", "c"}));
	EXPECT_TRUE(split("").empty());
	EXPECT_TRUE(split(" , ,").empty());
	EXPECT_EQ(split("a;b", ';'), (std::vector<std::string_view>{"a", "b"}));
}

TEST(Text, NearestName) {
	constexpr std::array<std::string_view, 5> kNames{"client_id", "client_secret", "environment", "api_url", "ca_file"};
	EXPECT_EQ(nearest("clientid", kNames), "client_id");
	EXPECT_EQ(nearest("client_sceret", kNames), "client_secret");
	EXPECT_EQ(nearest("enviroment", kNames), "environment");
	EXPECT_EQ(nearest("api_url", kNames), "api_url");
	EXPECT_EQ(nearest("completely_else", kNames), "");
	EXPECT_EQ(nearest("", kNames), "");
	// Distance 4 of 9 letters is near enough, 5 never is.
	constexpr std::array<std::string_view, 1> kOne{"abcdefghijkl"};
	EXPECT_EQ(nearest("abcdefghWXYZ", kOne), "abcdefghijkl");
	EXPECT_EQ(nearest("abcdefgVWXYZ", kOne), "");
	// Not more than half of the word.
	constexpr std::array<std::string_view, 1> kShort{"abc"};
	EXPECT_EQ(nearest("abx", kShort), "abc");
	EXPECT_EQ(nearest("axx", kShort), "");
	// The first of equals.
	constexpr std::array<std::string_view, 2> kEqual{"name_a", "name_b"};
	EXPECT_EQ(nearest("name_c", kEqual), "name_a");
}

TEST(Text, MaskLast4) {
	EXPECT_EQ(mask_last4("DE89370400440532013000"), "****3000");
	EXPECT_EQ(mask_last4("DE89 3704 0044 0532 0130 00"), "****3000");
	EXPECT_EQ(mask_last4("12345"), "****2345");
	EXPECT_EQ(mask_last4("1234"), "****");
	EXPECT_EQ(mask_last4("7"), "****");
	EXPECT_EQ(mask_last4("--- 1 ---"), "****");
	EXPECT_EQ(mask_last4(""), "");
}

// ---- card numbers (test numbers of the networks) ----

TEST(CardNumbers, AreCut) {
	const std::pair<std::string_view, std::string_view> cases[] = {
	    {"4111111111111111", "************1111"},
	    {"4222222222222", "************2222"},       // 13 digits
	    {"378282246310005", "************0005"},     // 15
	    {"6304000000000000000", "************0000"}, // 19
	    {"4111 1111 1111 1111", "************1111"},
	    {"4111-1111-1111-1111", "************1111"},
	    {"3782 822463 10005", "************0005"},
	    {"4111 1111-1111 1111", "************1111"},
	    {"CARD4111111111111111X", "CARD************1111X"},
	    {"paid 4111 1111 1111 1111 2025", "paid ************1111 2025"},
	    // The groups from the second on pass too: what overlaps is cut as one.
	    {"paid 4111 1111 1111 1111 2024", "paid ************2024"},
	    {"a4111111111111111b5555555555554444c", "a************1111b************4444c"},
	    {"4111111111111111 5555555555554444", "************1111 ************4444"},
	    {"(4111111111111111)", "(************1111)"},
	    {"0000 4111 1111 1111 1111", "0000 ************1111"},
	};
	for (const auto &[text, cut] : cases) {
		EXPECT_EQ(cut_pans(std::string(text)), cut) << text;
		EXPECT_TRUE(has_pan(text)) << text;
		EXPECT_TRUE(may_hold_pan(text)) << text;
	}
}

TEST(CardNumbers, OtherTextStays) {
	for (std::string_view text : {
	         "", "no digits", "4111111111111112",         // wrong check digit
	         "411111111111",                              // 12 digits
	         "41111111111111111111",                      // 20 digits
	         "0000000000000000",                          // no issuer begins with 0
	         "4111  1111  1111  1111",                    // two blanks
	         "4111.1111.1111.1111", "4111 1111 1111",     // other separators, too short
	         "2024-01-15 12-34-56 78", "+49 30 12345678", // date and time, telephone
	         "41-11-11-11-11-11-11-11",                   // groups of two
	     }) {
		EXPECT_EQ(cut_pans(std::string(text)), text);
		EXPECT_FALSE(has_pan(text)) << text;
	}
	EXPECT_FALSE(may_hold_pan("2024-01-15"));
	EXPECT_FALSE(may_hold_pan("123456789012"));
	EXPECT_FALSE(may_hold_pan("123456789012x12"));
	EXPECT_FALSE(may_hold_pan("                              "));
}

TEST(CardNumbers, AreFoundAtEveryPlace) {
	for (std::size_t before = 0; before < 40; ++before) {
		for (std::size_t after = 0; after < 15; ++after) {
			const std::string text = std::string(before, 'x') + "4222222222222" + std::string(after, 'y');
			EXPECT_EQ(cut_pans(text), std::string(before, 'x') + "************2222" + std::string(after, 'y'));
			EXPECT_TRUE(may_hold_pan(text));
			const std::string blanks = std::string(before, ' ') + "4222222222222" + std::string(after, ' ');
			EXPECT_TRUE(has_pan(blanks)) << before;
			EXPECT_TRUE(may_hold_pan(blanks));
		}
	}
}

TEST(CardNumbers, TakeLinearTime) {
	// Quadratic work on a text of this size would not end.
	std::string text;
	for (int i = 0; i < 50000; ++i)
		text += "4111111111111111 ";
	EXPECT_EQ(cut_pans(text).size(), text.size());
	EXPECT_FALSE(has_pan(std::string(2'000'000, '1')));
	std::string groups;
	for (int i = 0; i < 300000; ++i)
		groups += "0000 ";
	EXPECT_FALSE(has_pan(groups));
}

// ---- UTF-8 ----

TEST(Utf8, Valid) {
	for (std::string_view text :
	     {"", "ascii only, longer than eight bytes", "é", "€", "😀", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80",
	      "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "مرحبا"})
		EXPECT_TRUE(valid_utf8(text)) << text;
	EXPECT_TRUE(valid_utf8(std::string_view("a\0b", 3)));
}

TEST(Utf8, Invalid) {
	for (std::string_view text : {"\x80",
	                              "\xBF",
	                              "\xC0\x80",
	                              "\xC1\xBF",
	                              "\xC2",
	                              "\xC2\x41",
	                              "\xC2\xC0",
	                              "\xE0\x80\x80",
	                              "\xE0\x9F\xBF",
	                              "\xE2\x82",
	                              "\xE2\x28\xA1",
	                              "\xE2\x82\x28",
	                              "\xED\xA0\x80",
	                              "\xED\xBF\xBF",
	                              "\xF0\x80\x80\x80",
	                              "\xF0\x8F\xBF\xBF",
	                              "\xF0\x9F\x98",
	                              "\xF0\x9F\x98\x41",
	                              "\xF0\x9F\x41\x80",
	                              "\xF0\x28\x80\x80",
	                              "\xF4\x90\x80\x80",
	                              "\xF5\x80\x80\x80",
	                              "\xFE",
	                              "\xFF"}) {
		for (std::size_t before = 0; before < 9; ++before) {
			const std::string padded = std::string(before, 'a') + std::string(text);
			EXPECT_FALSE(valid_utf8(padded));
			EXPECT_FALSE(valid_utf8(padded + "bbbbbbbbb"));
		}
	}
}

} // namespace
} // namespace ob::text
