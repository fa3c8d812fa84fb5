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

namespace ob::json {
namespace {

/// Reads everything there is, by getters, and writes it down in a form of its own.
void read_all(Value value, std::string &out) {
	switch (value.kind()) {
	case Kind::object:
		out += '{';
		value.object([&](std::string_view key, Value member) {
			out += key;
			out += ':';
			read_all(member, out);
		});
		out += '}';
		break;
	case Kind::array:
		out += '[';
		value.array([&](Value item) {
			read_all(item, out);
			out += ',';
		});
		out += ']';
		break;
	case Kind::text:
		out += value.text();
		break;
	case Kind::number:
		out += value.number();
		break;
	case Kind::boolean:
		out += value.boolean() ? "yes" : "no";
		break;
	case Kind::null:
		EXPECT_TRUE(value.is_null());
		value.skip();
		out += "nil";
		break;
	}
}

std::string read_all(std::string json) {
	Body body(std::move(json));
	Reader reader(body);
	std::string out;
	read_all(reader.root(), out);
	reader.finish();
	return out;
}

void skip_all(std::string json) {
	Body body(std::move(json));
	Reader reader(body);
	reader.finish();
}

/// The error's code, or nothing if it was accepted.
std::optional<ErrorCode> failure(const std::function<void()> &read, std::string *text = nullptr) {
	try {
		read();
	} catch (const Error &error) {
		if (text)
			*text = error.message() + "|" + error.detail() + "|" + error.hint();
		return error.code();
	}
	return std::nullopt;
}

/// Both ways must agree.
bool accepted(const std::string &json) {
	const auto by_reading = failure([&] { read_all(json); });
	const auto by_skipping = failure([&] { skip_all(json); });
	EXPECT_EQ(by_reading, by_skipping) << json;
	EXPECT_TRUE(!by_reading || *by_reading == ErrorCode::bad_reply) << json;
	return !by_reading;
}

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

TEST(JsonReader, TypesAreChecked) {
	const auto refuses = [](const std::string &json, const std::function<void(Value)> &read) {
		Body body(json);
		Reader reader(body);
		std::string text;
		EXPECT_EQ(failure([&] { read(reader.root()); }, &text), ErrorCode::bad_reply) << json;
		EXPECT_NE(text.find("another type"), std::string::npos) << text;
		EXPECT_EQ(text.find("98765"), std::string::npos) << text;
	};
	for (const char *json : {"98765", "true", "null", "{\"98765\":1}", "[98765]"})
		refuses(json, [](Value value) { value.text(); });
	for (const char *json : {"\"98765\"", "true", "null", "{}", "[]"})
		refuses(json, [](Value value) { value.number(); });
	for (const char *json : {"\"98765\"", "98765", "null", "{}", "[]"})
		refuses(json, [](Value value) { value.boolean(); });
	for (const char *json : {"\"98765\"", "98765", "null", "true", "[]"})
		refuses(json, [](Value value) { value.object([](std::string_view, Value) {}); });
	for (const char *json : {"\"98765\"", "98765", "null", "true", "{}"})
		refuses(json, [](Value value) { value.array([](Value) {}); });
	for (const char *json : {"98765.5", "98765e2", "98765.0", "9223372036854775808", "\"98765\"", "null"})
		refuses(json, [](Value value) { value.integer(); });
	for (const char *json : {"true", "{}", "[]"})
		refuses(json, [](Value value) { value.text_or_number(); });
	for (const char *json : {"true", "98765", "[]"})
		refuses(json, [](Value value) { value.text_or_empty(); });
}

TEST(JsonReader, ValuesOfEachType) {
	Body body(
	    R"(["a",null,"", -0.50, null, true, null, -9223372036854775808, 9223372036854775807, null, 7, "8", null, {}, null, [1], null])");
	Reader reader(body);
	std::vector<Value> v;
	reader.root().array([&](Value item) { v.push_back(item); });
	reader.finish();
	ASSERT_EQ(v.size(), 17u);
	// Values stay readable, in any order, as long as the reader lives.
	EXPECT_EQ(v[8].integer(), INT64_MAX);
	EXPECT_EQ(v[7].integer(), INT64_MIN);
	EXPECT_EQ(v[0].text_or_empty(), "a");
	EXPECT_EQ(v[1].text_or_empty(), "");
	EXPECT_EQ(v[2].text_or_empty(), "");
	EXPECT_EQ(v[3].number_or_empty(), "-0.50");
	EXPECT_EQ(v[4].number_or_empty(), "");
	EXPECT_TRUE(v[5].boolean_or(false));
	EXPECT_TRUE(v[6].boolean_or(true));
	EXPECT_FALSE(v[6].boolean_or(false));
	EXPECT_EQ(v[9].integer_or_null(), std::nullopt);
	EXPECT_EQ(v[10].integer_or_null(), 7);
	EXPECT_EQ(v[10].text_or_number(), "7");
	EXPECT_EQ(v[11].text_or_number(), "8");
	EXPECT_EQ(v[12].text_or_number(), "");
	int calls = 0;
	EXPECT_EQ(v[13].object_or_null([&](std::string_view, Value) { ++calls; }), "{}");
	EXPECT_EQ(v[14].object_or_null([&](std::string_view, Value) { ++calls; }), "");
	EXPECT_EQ(v[15].array_or_null([&](Value) { ++calls; }), "[1]");
	EXPECT_EQ(v[16].array_or_null([&](Value) { ++calls; }), "");
	EXPECT_EQ(calls, 1);
	reader.finish();
}

TEST(JsonReader, RawIsTheProvidersOwnText) {
	const std::string json = R"( {"a" : [ {"x" : 1.0 , "y":"\/" } , 2 ] , "b": "t" , "c":12 , "d":null} )";
	Body body(json);
	Reader reader(body);
	std::string all, first, b, c, d;
	all = reader.root().object([&](std::string_view key, Value value) {
		if (key == "a")
			value.array([&](Value item) {
				if (first.empty())
					first = item.object([](std::string_view, Value) {});
			});
		else if (key == "b")
			b = value.raw();
		else if (key == "c")
			c = value.raw();
		else
			d = value.raw();
	});
	EXPECT_EQ(all, json.substr(1, json.size() - 2));
	EXPECT_EQ(first, R"({"x" : 1.0 , "y":"\/" })");
	EXPECT_EQ(b, "\"t\"");
	EXPECT_EQ(c, "12");
	EXPECT_EQ(d, "null");
}

TEST(JsonReader, ARowThatFailsCostsNoOther) {
	// A page parser catches what is wrong with one row and goes on with the next.
	Body body(R"([{"id":"1","n":{"deep":[1,2]}},{"id":2,"n":{"deep":[1,2]}},{"n":{"deep":"x"},"id":"3"},{"id":"4"}])");
	Reader reader(body);
	std::vector<std::string> good, bad;
	reader.root().array([&](Value item) {
		try {
			std::string id;
			item.object([&](std::string_view key, Value value) {
				if (key == "id")
					id = value.text();
				else
					value.object([&](std::string_view, Value deep) { deep.array([](Value) {}); });
			});
			good.push_back(id);
		} catch (const Error &) {
			bad.emplace_back(item.raw());
		}
	});
	reader.finish();
	EXPECT_EQ(good, (std::vector<std::string>{"1", "4"}));
	EXPECT_EQ(bad, (std::vector<std::string>{R"({"id":2,"n":{"deep":[1,2]}})", R"({"n":{"deep":"x"},"id":"3"})"}));
}

TEST(JsonReader, AFailureLeftAloneIsSkippedToo) {
	Body body(R"({"a":{"b":[1,"x",{"c":2}]},"d":"e"})");
	Reader reader(body);
	std::string d;
	reader.root().object([&](std::string_view key, Value value) {
		if (key == "d") {
			d = value.text();
			return;
		}
		EXPECT_EQ(failure([&] {
			          value.object(
			              [](std::string_view, Value inner) { inner.array([](Value item) { item.number(); }); });
		          }),
		          ErrorCode::bad_reply);
	});
	reader.finish();
	EXPECT_EQ(d, "e");
}

TEST(JsonReader, AFailureWhileReadingAgainIsSkippedToo) {
	Body body(R"({"a":[[1],2],"b":{"x":{"y":1}},"c":"d"})");
	Reader reader(body);
	std::string c;
	reader.root().object([&](std::string_view key, Value value) {
		EXPECT_NE(value.raw(), "");
		try {
			if (key == "a")
				value.array([](Value) { throw 1; });
			else if (key == "b")
				value.object([](std::string_view, Value) { throw 1; });
			else
				c = value.text();
		} catch (int) {
		}
	});
	reader.finish();
	EXPECT_EQ(c, "d");
}

TEST(JsonReader, AFailureCostsNoDepth) {
	// Reading fails 60 levels down; skipping begins again from the top.
	std::string json(60, '[');
	json += "1" + std::string(60, ']');
	Body body("[" + json + "," + json + "]");
	Reader reader(body);
	const std::function<void(Value)> down = [&](Value value) {
		if (value.kind() == Kind::array)
			value.array(down);
		else
			value.text();
	};
	std::size_t rows = 0;
	reader.root().array([&](Value item) {
		EXPECT_EQ(failure([&] { down(item); }), ErrorCode::bad_reply);
		EXPECT_EQ(item.raw(), json);
		++rows;
	});
	reader.finish();
	EXPECT_EQ(rows, 2u);
}

TEST(JsonReader, StaleValuesDoNotDisturb) {
	Body body(R"({"a":[1,2],"b":{"c":"d"},"e":"f"})");
	Reader reader(body);
	std::optional<Value> first;
	std::string seen;
	reader.root().object([&](std::string_view key, Value value) {
		seen += key;
		if (!first) {
			first = value;
			return;
		}
		if (key == "b")
			value.skip();
		first->array([&](Value item) { seen += item.number(); });
	});
	reader.finish();
	EXPECT_EQ(seen, "ab12e12");
}

TEST(JsonReader, AnUnreadRootIsStillChecked) {
	Body good("{\"a\":1}");
	Reader reader(good);
	EXPECT_NO_THROW(reader.finish());
	EXPECT_NO_THROW(reader.finish());
	EXPECT_EQ(reader.root().raw(), "{\"a\":1}");
	Body trailing("{\"a\":1} {}");
	Reader other(trailing);
	EXPECT_NO_THROW(other.root().skip());
	EXPECT_THROW(other.finish(), Error);
}

TEST(JsonReader, DuplicateKeysAreAllHandedOut) {
	Body body(R"({"a":1,"a":2})");
	Reader reader(body);
	std::string last;
	reader.root().object([&](std::string_view, Value value) { last = value.number(); });
	EXPECT_EQ(last, "2");
}

TEST(JsonReader, FailuresTellThePlaceAndNoContent) {
	std::string text;
	EXPECT_EQ(failure([] { skip_all(R"({"token":"secret-98765","x":tru})"); }, &text), ErrorCode::bad_reply);
	EXPECT_EQ(text, "the answer is not valid JSON|at byte 28 of 32: a literal is malformed|");
	EXPECT_EQ(failure([] { skip_all(R"({"secret-98765":"\q"})"); }, &text), ErrorCode::bad_reply);
	EXPECT_EQ(text, "the answer is not valid JSON|at byte 17 of 21: an escape is broken|");
}

TEST(JsonReader, ViewsOutliveTheReader) {
	Body body(R"({"plain":"text","escaped":"t\u00e9xt"})");
	std::vector<std::string_view> views;
	{
		Reader reader(body);
		reader.root().object([&](std::string_view key, Value value) {
			views.push_back(key);
			views.push_back(value.text());
		});
	}
	EXPECT_EQ(views, (std::vector<std::string_view>{"plain", "text", "escaped", "téxt"}));
	EXPECT_EQ(body.keep("kept"), "kept");
	EXPECT_EQ(body.keep(""), "");
}

TEST(JsonReader, BlocksOfAnySizeAreRead) {
	// simdjson works in blocks of 64 bytes: texts of all lengths at all offsets.
	for (std::size_t before = 0; before < 130; ++before) {
		for (std::size_t size : {0u, 1u, 31u, 62u, 63u, 64u, 65u, 128u}) {
			const std::string text(size, 'x');
			const std::string json = std::string(before, ' ') + "[\"" + text + "\",\"\\\\\",1]";
			EXPECT_EQ(read_all(json), "[" + text + ",\\,1,]");
		}
	}
}

TEST(KeyTable, FindsItsNamesAndNoOthers) {
	static constexpr KeyTable kTable({"transaction_id", "account_id", "amount", "date", "datetime", "name", "a"});
	EXPECT_EQ(kTable.find("transaction_id"), 0);
	EXPECT_EQ(kTable.find("amount"), 2);
	EXPECT_EQ(kTable.find("date"), 3);
	EXPECT_EQ(kTable.find("datetime"), 4);
	EXPECT_EQ(kTable.find("a"), 6);
	EXPECT_EQ(kTable.find(""), -1);
	EXPECT_EQ(kTable.find("Amount"), -1);
	EXPECT_EQ(kTable.find("amounts"), -1);
	EXPECT_EQ(kTable.find("transaction_ix"), -1);
	EXPECT_EQ(kTable.find(std::string(1000, 'x')), -1);
}

} // namespace
} // namespace ob::json
