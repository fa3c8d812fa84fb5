// Card numbers in raw JSON are cut, and it stays JSON.
#include "json/pans.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "json/document.hpp"
#include "json/reader.hpp"

namespace ob::json {
namespace {

TEST(JsonPans, AreCutInTextsAndNumbers) {
	const std::pair<std::string_view, std::string_view> cases[] = {
	    {R"({"name":"CARD 4111 1111 1111 1111"})", R"({"name":"CARD ************1111"})"},
	    {R"({"n":4111111111111111,"m":1})", R"({"n":"************1111","m":1})"},
	    {R"(["4111111111111111",[4111111111111111]])", R"(["************1111",["************1111"]])"},
	    {R"({"a":"x\u00a04111111111111111"})", R"({"a":"x\u00a0************1111"})"},
	    {R"({"a":"\\4111111111111111\n"})", R"({"a":"\\************1111\n"})"},
	    {R"({"a":"\"4111111111111111\""})", R"({"a":"\"************1111\""})"},
	    {R"({"x_id":["4111111111111111"]})", R"({"x_id":["************1111"]})"},
	    {R"({"x_id":"a","name":"4111111111111111"})", R"({"x_id":"a","name":"************1111"})"},
	    {R"({"x_id" : 1 , "o":{"p":"4111111111111111"}})", R"({"x_id" : 1 , "o":{"p":"************1111"}})"},
	};
	for (const auto &[json, cut] : cases) {
		EXPECT_EQ(cut_pans(json), cut);
		EXPECT_NO_THROW(static_cast<void>(Document::parse(cut_pans(json))));
	}
}

TEST(JsonPans, AccountNumbersAreMasked) {
	const std::pair<std::string_view, std::string_view> cases[] = {
	    {R"({"account_numbers":{"international":{"iban":"GB29 NWBK 6016 1331 9268 19","bic":"NWBKGB21"}}})",
	     R"({"account_numbers":{"international":{"iban":"****6819","bic":"NWBKGB21"}}})"},
	    {R"({"bacs":{"account" : "31926819","sort_code":"601613"},"account_id":"31926819"})",
	     R"({"bacs":{"account" : "****6819","sort_code":"601613"},"account_id":"31926819"})"},
	    {R"({"account":31926819,"n":31926819,"account_number":null})",
	     R"({"account":"****6819","n":31926819,"account_number":null})"},
	    {R"({"iban":"a\"b","x":"GB29"})", R"({"iban":"****","x":"GB29"})"},
	    {R"({"account":{"name":"31926819"},"y":"4111111111111111"})",
	     R"({"account":{"name":"31926819"},"y":"************1111"})"},
	};
	for (const auto &[json, cut] : cases) {
		Body body{std::string(json)};
		EXPECT_EQ(cut_numbers(json, body), cut);
		EXPECT_NO_THROW(static_cast<void>(Document::parse(cut)));
		EXPECT_EQ(std::string(cut_pans(json)).find("****6819"), std::string::npos);
	}
}

TEST(JsonPans, TheRestStays) {
	for (std::string_view json : {
	         R"({})",
	         R"({"4111111111111111":"key"})",
	         R"({"transaction_id":"4111111111111111","id":4111111111111111,"accountId" : "4111111111111111"})",
	         R"({"at":4222222222222,"a":-4111111111111111,"b":4111111111111111.5,"c":4111111111111111e1})",
	         R"({"a":"4111111111111112"})",
	         R"([411111111111,1111])",
	         R"({"a":"41111111","b":"11111111"})",
	     })
		EXPECT_EQ(cut_pans(json), json);
}

TEST(JsonPans, NothingIsCopiedWithoutNeed) {
	Body body(R"([{"id":"4111111111111111"},{"name":"4111111111111111"}])");
	Reader reader(body);
	std::vector<std::string_view> raws;
	reader.root().array([&](Value item) { raws.push_back(item.raw()); });
	EXPECT_EQ(cut_pans(raws[0], body).data(), raws[0].data());
	EXPECT_EQ(cut_pans(raws[1], body), R"({"name":"************1111"})");
	EXPECT_EQ(raws[1], R"({"name":"4111111111111111"})");
}

} // namespace
} // namespace ob::json
