// Headers as a receiver passes them on, and the words for what is wrong.
#include <gtest/gtest.h>

#include <set>

#include "webhook/headers.hpp"
#include "webhook/reasons.hpp"

namespace ob::webhook {
namespace {

/// The value of header X-Token, or why there is none.
std::string token(const std::string &json) {
	const Headers headers(json);
	const Headers::Found found = headers.one("X-Token");
	EXPECT_EQ(found.reason.empty(), static_cast<bool>(found));
	return std::string(found ? found.value : found.reason);
}

TEST(WebhookHeaders, AreFoundInAnyCase) {
	EXPECT_EQ(token(R"({"X-Token": "a"})"), "a");
	EXPECT_EQ(token(R"({"Accept": ["1", "2"], "x-TOKEN": "a", "Accept ": null, "N": 1, "O": {"x-token": "b"}})"), "a");
	EXPECT_EQ(token(R"({"x-token": ["a"]})"), "a");
	EXPECT_EQ(token(R"({"x-token": " \t a b\t"})"), "a b");
	EXPECT_EQ(token(R"({"x-token": ""})"), "");
	EXPECT_EQ(token(R"({"x-token": "  "})"), "");
	EXPECT_EQ(token(R"({"x-token": "\u00e4"})"), "ä");
	EXPECT_EQ(token(R"({"x-token": ")" + std::string(kMaxHeaderBytes, 'a') + "\"}"), std::string(kMaxHeaderBytes, 'a'));
}

TEST(WebhookHeaders, AreRefused) {
	EXPECT_EQ(token("{}"), reason::header_missing);
	EXPECT_EQ(token(R"({"x-token": []})"), reason::header_missing);
	EXPECT_EQ(token(R"({"x-token ": "a", "x_token": "b"})"), reason::header_missing);
	EXPECT_EQ(token(R"({"x-token": "a", "X-Token": "a"})"), reason::header_doubled);
	EXPECT_EQ(token(R"({"x-token": "a", "x-token": "a"})"), reason::header_doubled);
	EXPECT_EQ(token(R"({"x-token": ["a", "a"]})"), reason::header_doubled);
	EXPECT_EQ(token(R"({"x-token": ["a"], "X-TOKEN": null})"), reason::header_doubled);
	for (const char *value : {"null", "1", "true", "{}", "[[\"a\"]]", "[null]", R"("a\nb")", R"("a\r")", R"("\u007f")"})
		EXPECT_EQ(token(R"({"x-token": )" + std::string(value) + "}"), reason::header_malformed) << value;
	EXPECT_EQ(token(R"({"x-token": ")" + std::string(kMaxHeaderBytes + 1, 'a') + "\"}"), reason::header_too_large);
	EXPECT_EQ(token(R"({"x-token": "a", "b": ")" + std::string(kMaxHeadersBytes, 'b') + "\"}"),
	          reason::header_too_large);
	EXPECT_EQ(token(std::string(1 << 20, '[')), reason::header_too_large);
	for (const char *json : {"", "null", "[]", "\"x-token\"", "{", R"({"x-token": "a"}})", R"({"x-token": "a)", "\xFF",
	                         R"({"x-token": "a", "b": tru})", "{\"x-token\": \"\xFF\"}"})
		EXPECT_EQ(token(json), reason::headers_malformed) << json;
	EXPECT_EQ(token("{\"b\": " + std::string(1000, '[') + std::string(1000, ']') + "}"), reason::headers_malformed);
}

TEST(WebhookReasons, AreWordsWithASentence) {
	std::set<std::string_view> words;
	for (const Reason &known : all_reasons()) {
		EXPECT_TRUE(words.insert(known.word).second) << known.word;
		EXPECT_EQ(known.word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), known.word.npos) << known.word;
		EXPECT_TRUE(known.sentence.ends_with('.')) << known.word;
		EXPECT_EQ(explain(known.word), known.sentence);
	}
	EXPECT_EQ(explain("no such word"), "");
	EXPECT_EQ(explain(""), "");
}

} // namespace
} // namespace ob::webhook
