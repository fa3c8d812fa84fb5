// JSON pages: typed values, failures inside a page, lifetimes.
#include "json/reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "core/error.hpp"
#include "unit/support/json_reading.hpp"
#include "json/document.hpp"
#include "json/key_table.hpp"
#include "json/numbers.hpp"

namespace ob::json {
namespace {

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

TEST(JsonNumbers, ThatNoDatabaseTakesAreFound) {
	const std::string digits(1001, '7');
	for (const std::string &raw :
	     {std::string(R"({"a":1e1000})"), std::string("-1E+1000"), std::string("[1,1e-1000]"), std::string("0e400000"),
	      "[" + digits + "]", "0." + digits, std::string(R"({"\\":"\"","a":1e1000})")})
		EXPECT_FALSE(numbers_fit(raw)) << raw;
	for (const std::string &raw :
	     {std::string(R"({"a":1e999,"b":-1.5E-999,"c":1e+000000000001,"d":[0,-0.0]})"), "[" + digits.substr(1) + "]",
	      std::string(R"({"1e1000":"1e1000","a":"\"1e1000","b":"\\","c":true,"d":null})"), "\"" + digits + "\"",
	      std::string("{}")})
		EXPECT_TRUE(numbers_fit(raw)) << raw;
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
