// The simulator's text tools: dates, times, base64, JSON with numbers kept digit for digit.
#include <gtest/gtest.h>

#include "../sandbox/json.hpp"
#include "../sandbox/message.hpp"
#include "../sandbox/text.hpp"

namespace ob::sandbox {
namespace {

TEST(SandboxText, Times) {
	const auto time = parse_time("2026-03-07T10:20:30.123456789Z");
	ASSERT_TRUE(time);
	EXPECT_EQ(format_time(*time), "2026-03-07T10:20:30Z");
	EXPECT_EQ(format_time(*time, 9), "2026-03-07T10:20:30.123456789Z");
	EXPECT_EQ(format_time(*time, 3), "2026-03-07T10:20:30.123Z");
	EXPECT_EQ(format_time(*parse_time("2026-03-07T00:30:00+02:00")), "2026-03-06T22:30:00Z");
	EXPECT_EQ(format_date(day_of(*parse_time("1969-12-31T23:59:59Z"))), "1969-12-31");
	for (const char *wrong : {"2026-03-07", "2026-03-07T10:20Z", "2026-03-07T24:00:00Z", "2026-03-07T10:20:30",
	                          "2026-03-07T10:20:30.Z", "2026-03-07T10:20:30.1234567890Z", "2026-02-29T00:00:00Z"}) {
		EXPECT_FALSE(parse_time(wrong)) << wrong;
	}
}

TEST(SandboxText, Base64IsCanonical) {
	EXPECT_EQ(base64("fo"), "Zm8=");
	EXPECT_EQ(base64_decode("Zm8="), "fo");
	EXPECT_EQ(base64_url(std::string("\xFB\xFF", 2)), "-_8");
	for (const char *wrong : {"", "Zm8", "Zm9=", "Zm8=\n", "Z m8", "Zm8*"}) {
		EXPECT_FALSE(base64_decode(wrong)) << wrong;
	}
}

TEST(SandboxText, JsonStrings) {
	EXPECT_EQ(json_string("a\"b\\c\n\x01é"), "\"a\\\"b\\\\c\\n\\u0001é\"");
}

TEST(SandboxText, RawObjectsKeepTheirValues) {
	auto object = RawObject::parse(R"( { "a" : 1e-8 , "b":"x, } \" y","c":[1, {"d":"]"}],"e":{}, "f\u0041":null } )");
	ASSERT_TRUE(object);
	EXPECT_EQ(object->get("a"), "1e-8");
	EXPECT_EQ(object->text_of("b"), "x, } \" y");
	EXPECT_EQ(object->get("c"), R"([1, {"d":"]"}])");
	EXPECT_EQ(object->get("e"), "{}");
	EXPECT_EQ(object->get("fA"), "null");
	object->set("a", "2.50");
	object->erase("c");
	object->set("new", "true");
	EXPECT_EQ(object->dump(), R"({"a":2.50,"b":"x, } \" y","e":{},"fA":null,"new":true})");
	EXPECT_EQ(raw_elements(" [ 1 , [2,3],\"],\", {} ] ").size(), 4U);
}

TEST(SandboxText, Forms) {
	const auto form = parse_form("a=1&b=x%20y+z&c&b=%zz&=");
	ASSERT_EQ(form.size(), 5U);
	EXPECT_EQ(form[1].second, "x y z");
	EXPECT_EQ(form[2].second, "");
	EXPECT_EQ(form[3].second, "%zz");
}

} // namespace
} // namespace ob::sandbox
