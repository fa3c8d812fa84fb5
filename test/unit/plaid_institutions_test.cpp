#include <gtest/gtest.h>

#include <string>

#include "providers/plaid/provider.hpp"
#include "unit/support/plaid_session.hpp"

namespace ob::providers::plaid {
namespace {

using test::caught;
using test::plaid_error;
using test::PlaidSession;
using test::run_task;

// ---- /institutions/get_by_id ----

TEST(PlaidInstitution, IsLookedUpWithItsLogo) {
	PlaidSession plaid;
	plaid.option("country_codes", "US,CA");
	const std::string object = R"({"country_codes":["US"],"institution_id":"ins_3","logo":"iVBORw0=","name":"Named",)"
	                           R"("oauth":true,"products":["auth","transactions"],"routing_numbers":[],)"
	                           R"("something_new":{"a":1},"url":"https://bank.example"})";
	plaid.transport.answer("/institutions/get_by_id", R"({"institution":)" + object + R"(,"request_id":"r"})");
	const Institution bank = run_task(plaid.provider.institution(plaid.session(), "ins_3"));
	EXPECT_EQ(bank.id, "ins_3");
	EXPECT_EQ(bank.name, "Named");
	EXPECT_EQ(bank.logo, "iVBORw0=");
	EXPECT_EQ(bank.url, "https://bank.example");
	EXPECT_EQ(bank.countries, (std::vector<std::string>{"US"}));
	EXPECT_EQ(bank.products, (std::vector<std::string>{"auth", "transactions"}));
	EXPECT_EQ(bank.oauth, true);
	EXPECT_EQ(bank.raw, object);
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(),
	          R"({"country_codes":["US","CA"],"institution_id":"ins_3","options":{"include_optional_metadata":true}})");
}

TEST(PlaidInstitution, MayLackMostThings) {
	PlaidSession plaid;
	plaid.transport.answer("/institutions/get_by_id",
	                       R"({"institution":{"institution_id":"ins_3","logo":null,"url":null,"products":null}})");
	const Institution bank = run_task(plaid.provider.institution(plaid.session(), "ins_3"));
	EXPECT_EQ(bank.name + bank.logo + bank.url, "");
	EXPECT_TRUE(bank.products.empty() && bank.countries.empty());
	EXPECT_FALSE(bank.oauth);
}

TEST(PlaidInstitution, MayBeUnknown) {
	PlaidSession plaid;
	plaid.transport.answer("/institutions/get_by_id", 400, plaid_error("INVALID_INPUT", "INVALID_INSTITUTION"))
	    .answer("/institutions/get_by_id", R"({"request_id":"r"})");
	EXPECT_EQ(caught([&] { run_task(plaid.provider.institution(plaid.session(), "ins_x")); }).code(),
	          ErrorCode::refused);
	EXPECT_EQ(caught([&] { run_task(plaid.provider.institution(plaid.session(), "ins_x")); }).code(),
	          ErrorCode::bad_reply);
}

} // namespace
} // namespace ob::providers::plaid
