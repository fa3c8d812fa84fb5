// Documents over jansson: small answers and requests.
#include "json/document.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace ob::json {
namespace {

/// message, detail and hint of the failure; nothing if it was accepted.
std::optional<std::string> refused(std::string_view text, const ParseLimits &limits = {}) {
	try {
		static_cast<void>(Document::parse(text, limits));
	} catch (const Error &error) {
		return error.message() + "|" + error.detail() + "|" + error.hint();
	}
	return std::nullopt;
}

TEST(JsonDocument, ReadsMembers) {
	const Document document = Document::parse(
	    R"({"t":"text","i":-7,"y":true,"n":false,"z":null,"r":1.0,"o":{"k":{"j":"deep"}},"l":[1,"two",null]})");
	EXPECT_TRUE(document.is_object());
	EXPECT_EQ(document.text("t"), "text");
	EXPECT_EQ(document.integer("i"), -7);
	EXPECT_EQ(document.boolean("y"), true);
	EXPECT_EQ(document.boolean("n"), false);
	EXPECT_EQ(document.get("o").get("k").text("j"), "deep");
	EXPECT_EQ(document.root().size(), 8u);
	const auto items = document.get("l").items();
	ASSERT_EQ(items.size(), 3u);
	EXPECT_EQ(items[0].integer(), 1);
	EXPECT_EQ(items[1].text(), "two");
	EXPECT_FALSE(items[2].exists());
	std::string keys;
	for (const auto &[key, value] : document.root().members())
		keys += key;
	EXPECT_EQ(keys, "tiynzrol");
}

TEST(JsonDocument, AbsentNullAndOtherTypesAreNothing) {
	const Document document = Document::parse(R"({"z":null,"t":"1","r":1.5,"one":1.0})");
	EXPECT_FALSE(document.has("absent"));
	EXPECT_FALSE(document.has("z"));
	EXPECT_TRUE(document.has("t"));
	EXPECT_EQ(document.text("absent"), "");
	EXPECT_EQ(document.text("z"), "");
	EXPECT_EQ(document.text("r"), "");
	EXPECT_EQ(document.integer("t"), std::nullopt);
	EXPECT_EQ(document.integer("one"), std::nullopt);
	EXPECT_EQ(document.boolean("t"), std::nullopt);
	EXPECT_TRUE(document.get("a").get("b").items().empty());
	EXPECT_TRUE(document.get("t").members().empty());
	EXPECT_FALSE(document.get("t").get("x").exists());
	EXPECT_EQ(Node().canonical_dump(), "null");
	EXPECT_EQ(document.get("").text(), "");
}

TEST(JsonDocument, ReadsWhatNoTextMayHoldAsReplacement) {
	const Document document = Document::parse(R"({"a":"x\u0000y\ud800","b\u0000":1})");
	EXPECT_EQ(document.text("a"), "x\xEF\xBF\xBDy\xEF\xBF\xBD");
	EXPECT_EQ(document.integer("b\xEF\xBF\xBD"), 1);
}

TEST(JsonDocument, Refuses) {
	for (std::string_view text :
	     {std::string_view(""), std::string_view("{"), std::string_view("{}{}"), std::string_view("{\"a\":1,}"),
	      std::string_view("{\"a\":99999999999999999999}"), std::string_view("\"\xC3\x28\""),
	      std::string_view("{}\0", 3), std::string_view("\"\\q\""), std::string_view("[01]")})
		EXPECT_TRUE(refused(text).has_value()) << text;
	EXPECT_NE(refused(R"({"a":1,"a":1})")->find("a key occurs twice"), std::string::npos);
}

TEST(JsonDocument, FailuresHoldNoContent) {
	for (const char *text : {R"({"secret98765":"secret98765","x":tru})", R"({"secret98765":1,"secret98765":2})",
	                         R"(["secret98765" "secret98765"])", R"(["secret98765)"})
		EXPECT_EQ(refused(text)->find("98765"), std::string::npos) << *refused(text);
}

TEST(JsonDocument, TheCallerChoosesTheError) {
	const auto code = [](ErrorCode wanted, std::string_view text) {
		ParseLimits limits;
		limits.error = wanted;
		try {
			static_cast<void>(Document::parse(text, limits));
		} catch (const Error &error) {
			return error.code();
		}
		return ErrorCode::internal;
	};
	for (const char *text : {"{", "\"\\q\"", "{\"a\":1,\"a\":1}"}) {
		EXPECT_EQ(code(ErrorCode::bad_reply, text), ErrorCode::bad_reply);
		EXPECT_EQ(code(ErrorCode::invalid_argument, text), ErrorCode::invalid_argument);
	}
}

TEST(JsonDocument, LimitsHold) {
	ParseLimits limits;
	limits.max_depth = 3;
	EXPECT_FALSE(refused("[[[1]]]", limits));
	EXPECT_TRUE(refused("[[[[1]]]]", limits));
	EXPECT_FALSE(refused(R"([["[[[["],[["\"[["]]])", limits)); // brackets in texts do not count
	EXPECT_TRUE(refused(std::string(100000, '[')));
	limits.max_bytes = 10;
	EXPECT_FALSE(refused("\"12345678\"", limits));
	EXPECT_TRUE(refused("\"123456789\"", limits));
}

TEST(JsonDocument, CanonicalTextComparesDocuments) {
	const std::string a = Document::parse(R"({"b":[1,{"y":1,"x":null}],"a":"é\u00e9"})").canonical_dump();
	const std::string b = Document::parse(R"( { "a" : "\u00e9é", "b":[1,{"x":null,"y":1}] } )").canonical_dump();
	EXPECT_EQ(a, b);
	EXPECT_EQ(a, "{\"a\":\"éé\",\"b\":[1,{\"x\":null,\"y\":1}]}");
	EXPECT_NE(a, Document::parse(R"({"a":"éé","b":[{"x":null,"y":1},1]})").canonical_dump());
	EXPECT_EQ(Document::parse("true").canonical_dump(), "true");
}

TEST(JsonBuilder, WritesInTheOrderOfSetting) {
	Object request;
	request.set("z", "text")
	    .set("count", 500)
	    .set("big", std::int64_t{9007199254740993})
	    .set("yes", true)
	    .set("std", std::string("string"))
	    .set_null("nothing")
	    .set_if("skipped", "")
	    .set_if("kept", "x")
	    .set("inner", Object().set("a", 1))
	    .set("list", Array().add("x").add(2).add(false).add(Object().set("k", "v")).add(Array()))
	    .set("", "empty key");
	request.set("z", "again");
	EXPECT_EQ(request.dump(),
	          R"({"z":"again","count":500,"big":9007199254740993,"yes":true,"std":"string","nothing":null,"kept":"x",)"
	          R"("inner":{"a":1},"list":["x",2,false,{"k":"v"},[]],"":"empty key"})");
	EXPECT_EQ(Object().dump(), "{}");
	EXPECT_TRUE(Object().empty());
	EXPECT_FALSE(request.empty());
	EXPECT_EQ(Array().dump(), "[]");
}

TEST(JsonBuilder, EscapesText) {
	Object request;
	request.set("k\"", "a\"b\\c\nd\x01 é");
	const Document back = Document::parse(request.dump());
	EXPECT_EQ(back.text("k\""), "a\"b\\c\nd\x01 é");
}

TEST(JsonBuilder, CopiesOtherDocuments) {
	Object request;
	{
		const Document options = Document::parse(R"({"a":[1,2],"b":{"c":"d"}})");
		for (const auto &[key, value] : options.root().members())
			request.set(key, value);
		request.set("absent", options.get("nope"));
	}
	EXPECT_EQ(request.dump(), R"({"a":[1,2],"b":{"c":"d"},"absent":null})");
}

TEST(JsonBuilder, TakesSecrets) {
	Object request;
	request.set_secret("secret", Secret("sandbox-secret"));
	EXPECT_EQ(request.dump(), R"({"secret":"sandbox-secret"})");
}

TEST(JsonBuilder, RefusesWhatIsNoText) {
	Object request;
	EXPECT_THROW(request.set("a", "\xC3\x28"), Error);
	EXPECT_THROW(request.set("\xC3\x28", "a"), Error);
	EXPECT_THROW(Array().add("\xFF"), Error);
	EXPECT_TRUE(request.empty());
}

} // namespace
} // namespace ob::json
