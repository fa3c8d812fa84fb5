// The one-pass reader: what it reads, what it refuses, and that skipping is no weaker than reading.
#include "json/reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "core/error.hpp"
#include "json/document.hpp"
#include "json/key_table.hpp"
#include "unit/support/json_reading.hpp"

namespace ob::json {
namespace {

TEST(JsonReader, ReadsEverything) {
	EXPECT_EQ(read_all(R"({"a":1,"b":[true,false,null,"x"],"c":{},"d":[],"e":{"f":-1.50e+3}})"),
	          "{a:1b:[yes,no,nil,x,]c:{}d:[]e:{f:-1.50e+3}}");
	EXPECT_EQ(read_all(" \n\t\r{ \"a\" : [ 1 , 2 ] , \"b\" : \"x\" } \n"), "{a:[1,2,]b:x}");
	EXPECT_EQ(read_all("\"just text\""), "just text");
	EXPECT_EQ(read_all("12.30"), "12.30");
	EXPECT_EQ(read_all("  null "), "nil");
	EXPECT_EQ(read_all("[[[]]]"), "[[[],],]");
	EXPECT_EQ(read_all("{\"\":\"\"}"), "{:}");
}

TEST(JsonReader, ResolvesEscapes) {
	EXPECT_EQ(read_all(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
	EXPECT_EQ(read_all(R"("\u0041\u00e9\u20AC\ud83d\ude00\uD83D\uDE00")"), "Aé€😀😀");
	EXPECT_EQ(read_all(R"({"k\u0065y":"v"})"), "{key:v}");
	EXPECT_EQ(read_all(R"("\\u0041 \\\u0041 \\\\u0041")"), "\\u0041 \\A \\\\u0041");
	EXPECT_EQ(read_all("\"é€😀\""), "é€😀");
	EXPECT_EQ(read_all(R"("\u007f\u0080\u07ff\u0800\uffff\ud800\udc00\udbff\udfff")"),
	          "\x7f\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
}

TEST(JsonReader, WhatNoTextMayHoldBecomesTheReplacementCharacter) {
	const std::string r = "\xEF\xBF\xBD";
	EXPECT_EQ(read_all(R"("a\u0000b")"), "a" + r + "b");
	EXPECT_EQ(read_all(R"("\ud800")"), r);
	EXPECT_EQ(read_all(R"("\udc00")"), r);
	EXPECT_EQ(read_all(R"("\ud800x\udc00")"), r + "x" + r);
	EXPECT_EQ(read_all(R"("\ud800\ud800\udc00")"), r + "𐀀");
	EXPECT_EQ(read_all(R"("\udc00\ud800")"), r + r);
	EXPECT_EQ(read_all(R"("\ud800\n")"), r + "\n");
	EXPECT_EQ(read_all(R"("\ud800\u0041")"), r + "A");
	EXPECT_EQ(read_all(R"("\ud800\\udc00")"), r + "\\udc00");
	EXPECT_EQ(read_all(R"("\\u0000")"), "\\u0000");
	EXPECT_EQ(read_all(R"("\\\u0000")"), "\\" + r);
	EXPECT_EQ(read_all(R"("\\\\u0000")"), "\\\\u0000");
	EXPECT_EQ(read_all(R"({"\u0000":1})"), "{" + r + ":1}");

	// raw shows the same, in a form that jsonb takes, and no byte moves.
	Body body(R"({"a":"x\u0000y","b":"\uD800","c":"\\u0000"})");
	Reader reader(body);
	EXPECT_EQ(reader.root().raw(), R"({"a":"x\ufffdy","b":"\ufffd","c":"\\u0000"})");
}

TEST(JsonSanitize, LooksAtItsBytesOnly) {
	// Without padding, as for documents: reading beyond the end is noticed.
	const auto sanitized = [](std::string_view text) {
		const auto bytes = std::make_unique<char[]>(text.size());
		std::copy(text.begin(), text.end(), bytes.get());
		sanitize(bytes.get(), text.size());
		return std::string(bytes.get(), text.size());
	};
	EXPECT_EQ(sanitized(""), "");
	EXPECT_EQ(sanitized("\\ud800"), "\\ufffd");
	EXPECT_EQ(sanitized("\\ud800\\\\"), "\\ufffd\\\\");
	EXPECT_EQ(sanitized("\\ud800\\udc00"), "\\ud800\\udc00");
	for (std::string_view text :
	     {std::string_view("\\ud800\\udc0"), std::string_view("\\ud800\\u"), std::string_view("\\u123"),
	      std::string_view("\\u"), std::string_view("\\"), std::string_view("a\0b", 3), std::string_view("\xC3"),
	      std::string_view("\xED\xA0\x80")})
		EXPECT_EQ(failure([&] { sanitized(text); }), ErrorCode::bad_reply) << text;
}

TEST(JsonReader, RefusesBytesThatAreNoText) {
	for (std::string_view json : {std::string_view("\"a\0b\"", 5), std::string_view("\0", 1),
	                              std::string_view("{}\0", 3), std::string_view("{\"a\":1}\0{}", 10)})
		EXPECT_FALSE(accepted(std::string(json)));
	EXPECT_FALSE(accepted("\"\xC3\x28\""));
	EXPECT_FALSE(accepted("\"\xED\xA0\x80\"")); // a surrogate as bytes
	EXPECT_FALSE(accepted("\"\xC0\x80\""));     // an overlong NUL
	EXPECT_FALSE(accepted("\"\xF4\x90\x80\x80\""));
	EXPECT_FALSE(accepted("\"a\nb\""));
	EXPECT_FALSE(accepted("\"a\x1F\""));
	EXPECT_FALSE(accepted("\xEF\xBB\xBF{}")); // RFC 8259, section 8.1: no byte order mark
}

TEST(JsonReader, RefusesWhatIsNoJson) {
	for (const char *json : {"",
	                         " ",
	                         "{",
	                         "}",
	                         "[",
	                         "]",
	                         "{]",
	                         "[}",
	                         "{\"a\"}",
	                         "{\"a\":}",
	                         "{\"a\":1,}",
	                         "{,}",
	                         "{\"a\" 1}",
	                         "{1:2}",
	                         "[1,]",
	                         "[,]",
	                         "[1 2]",
	                         "[1,,2]",
	                         "{} {}",
	                         "{}x",
	                         "[]]",
	                         "1 2",
	                         "nul",
	                         "nulll",
	                         "null1",
	                         "tru",
	                         "True",
	                         "falsee",
	                         "01",
	                         "-",
	                         "+1",
	                         "1.",
	                         ".5",
	                         "1e",
	                         "0x1",
	                         "1_0",
	                         "NaN",
	                         "Infinity",
	                         "'a'",
	                         "{'a':1}",
	                         "{a:1}",
	                         "\"a",
	                         "\"a\\\"",
	                         "\"\\x\"",
	                         "\"\\u12\"",
	                         "\"\\u12g4\"",
	                         "\"\\",
	                         "\"\\u",
	                         "{\"a\":1 \"b\":2}",
	                         "{\"a\":1,\"b\"}",
	                         "[1\"a\"]",
	                         "[\"a\"1]",
	                         "[\"a\"\"b\"]",
	                         "12\"abc\"",
	                         "\"abc\"12",
	                         "[1]2",
	                         "\"a\"\\",
	                         "{\"a\":\\\"b\\\"}",
	                         "/**/{}",
	                         "{\"a\":1}//",
	                         "[1\f]",
	                         "[1\v,2]",
	                         "[tr ue]",
	                         "{\"a\"::1}",
	                         "{\"a\":{\"b\":1}",
	                         "[[1,2]",
	                         "{\"a\":[1,2}",
	                         "{\"a\":[1,{\"b\":2]}}",
	                         ":",
	                         ",",
	                         "\"\"\"\"",
	                         "{\"a\":\"b\":\"c\"}",
	                         "[\"a\":1]",
	                         "nullnull",
	                         "[true1]"})
		EXPECT_FALSE(accepted(json)) << json;
}

TEST(JsonReader, SkippingIsNoWeakerThanReading) {
	// The damage sits in a value that the consumer does not want.
	for (const char *skipped : {"{\"x\":[1,2}", "[1,2", "{\"x\"}", "01", "1.", "nul", "tru e", "\"\\q\"", "{\"x\":1,}",
	                            "[,]", "-", "\"x\" \"y\"", "1 2", "{\"x\":{\"y\":[{\"z\":1]}}}", ""}) {
		const auto reading = [&] {
			Body body("{\"skip\":" + std::string(skipped) + ",\"want\":\"it\"}");
			Reader reader(body);
			reader.root().object([&](std::string_view key, Value value) {
				if (key == "want") {
					EXPECT_EQ(value.text(), "it");
				}
			});
			reader.finish();
		};
		EXPECT_EQ(failure(reading), ErrorCode::bad_reply) << skipped;
	}
}

TEST(JsonReader, EveryTruncationIsRefused) {
	const std::string json = R"({"added":[{"id":"a\u00e9\n","amount":-12.30,"pending":false,"x":null,)"
	                         R"("meta":{"a":[1,2,{"b":true}],"c":"d"}}],"next":"cursor","more":true})";
	ASSERT_TRUE(accepted(json));
	for (std::size_t size = 0; size < json.size(); ++size)
		EXPECT_FALSE(accepted(json.substr(0, size))) << size;
}

/// jansson is the judge over a great many damaged documents. It refuses three things more: duplicate keys, integers
/// beyond 64 bits and reals beyond double.
TEST(JsonReader, AgreesWithAnotherParser) {
	const std::string seeds[] = {
	    R"({"added":[{"id":"a\u00e9\n","amount":-12.30,"p":false,"x":null},{}],"n":"c","m":{"k":[1,2e5,{"b":true}]}})",
	    "[ 1 , \"two\\\\\" , { \"three\" : [ ] } , null ,true,-0.5e-3 ]",
	    R"({"s":"\ud83d\ude00\u0000\ud800","e":"é€😀","q":"\"\\\/"})",
	};
	const std::string_view bytes = "{}[]:,\"\\ \n01-.eEtfnu/x\x01\xC3\xA9";
	std::mt19937 random(11);
	int good = 0;
	for (int i = 0; i < 15000; ++i) {
		std::string json = seeds[static_cast<std::size_t>(i) % std::size(seeds)];
		for (auto edits = random() % 3 + 1; edits > 0; --edits) {
			const std::size_t at = random() % json.size();
			const char byte = bytes[random() % bytes.size()];
			switch (random() % 4) {
			case 0:
				json[at] = byte;
				break;
			case 1:
				json.insert(at, 1, byte);
				break;
			case 2:
				json.erase(at, 1);
				break;
			default:
				std::swap(json[at], json[random() % json.size()]);
			}
			if (json.empty())
				json = "1";
		}
		std::string verdict;
		const auto judged = failure([&] { static_cast<void>(Document::parse(json)); }, &verdict);
		const bool ours = accepted(json);
		good += ours ? 1 : 0;
		if (judged &&
		    (verdict.find("occurs twice") != std::string::npos || verdict.find("too large") != std::string::npos))
			continue;
		ASSERT_EQ(ours, !judged) << json;
	}
	// Both verdicts occur often, so the comparison means something.
	EXPECT_GT(good, 300);
	EXPECT_LT(good, 12000);
}

TEST(JsonReader, NestingIsCapped) {
	const auto nested = [](std::size_t depth, const char *open, const char *close) {
		std::string json;
		for (std::size_t i = 0; i < depth; ++i)
			json += open;
		json += "1";
		for (std::size_t i = 0; i < depth; ++i)
			json += close;
		return json;
	};
	EXPECT_TRUE(accepted(nested(kMaxDepth, "[", "]")));
	EXPECT_FALSE(accepted(nested(kMaxDepth + 1, "[", "]")));
	EXPECT_TRUE(accepted(nested(kMaxDepth, "{\"a\":", "}")));
	EXPECT_FALSE(accepted(nested(kMaxDepth + 1, "{\"a\":", "}")));
	EXPECT_FALSE(accepted(nested(1'000'000, "[", "]")));
	EXPECT_FALSE(accepted(std::string(1'000'000, '[')));
	// Siblings do not add up, neither read nor skipped.
	std::string wide = "[";
	for (int i = 0; i < 200; ++i)
		wide += "[{\"a\":[]}],";
	EXPECT_TRUE(accepted(wide + "1]"));
	// Reading part of the way and skipping the rest counts as one depth.
	const auto half = [&](std::size_t depth) {
		return failure([&] {
			Body body(nested(depth, "[", "]"));
			Reader reader(body);
			reader.root().array([](Value a) { a.array([](Value b) { b.skip(); }); });
			reader.finish();
		});
	};
	EXPECT_EQ(half(kMaxDepth), std::nullopt);
	EXPECT_EQ(half(kMaxDepth + 1), ErrorCode::bad_reply);
}

} // namespace
} // namespace ob::json
