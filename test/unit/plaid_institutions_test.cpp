#include <gtest/gtest.h>

#include <string>
#include <vector>

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

// ---- /institutions/search ----

std::string bank_json(const std::string &id) {
	return R"({"institution_id":")" + id + R"(","name":"Bank )" + id + R"(","country_codes":["US"],"oauth":false})";
}

std::string list_json(const std::vector<std::string> &ids, const std::string &total = {}) {
	std::string banks;
	for (const std::string &id : ids)
		banks.append(banks.empty() ? "" : ",").append(bank_json(id));
	return R"({"institutions":[)" + banks + "]" + (total.empty() ? "" : R"(,"total":)" + total) +
	       R"(,"request_id":"r"})";
}

std::string found(const std::vector<Institution> &banks) {
	std::string ids;
	for (const Institution &bank : banks)
		ids.append(ids.empty() ? "" : " ").append(bank.id);
	return ids;
}

TEST(PlaidInstitutions, AreSearchedByName) {
	PlaidSession plaid;
	plaid.option("country_codes", "US,CA").option("products", "transactions,liabilities");
	plaid.transport.answer("/institutions/search", list_json({"ins_2", "ins_1"}));
	const auto banks = run_task(plaid.provider.institutions(plaid.session(), " platypus bank "));
	EXPECT_EQ(found(banks), "ins_2 ins_1");
	EXPECT_EQ(banks.at(0).name, "Bank ins_2");
	EXPECT_EQ(banks.at(0).oauth, false);
	EXPECT_EQ(banks.at(0).raw, bank_json("ins_2"));
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(),
	          R"({"country_codes":["US","CA"],"products":["transactions","liabilities"],"query":"platypus bank"})");
	plaid.transport.answer("/institutions/search", list_json({}));
	EXPECT_EQ(found(run_task(plaid.provider.institutions(plaid.session(), "none"))), "");
	plaid.transport.answer("/institutions/search", R"({"request_id":"r"})");
	EXPECT_EQ(caught([&] { run_task(plaid.provider.institutions(plaid.session(), "x")); }).code(),
	          ErrorCode::bad_reply);
}

TEST(PlaidInstitutions, OddFieldsDoNotHideABank) {
	PlaidSession plaid;
	plaid.transport.answer(
	    "/institutions/search",
	    R"({"institutions":[{"institution_id":"i","name":7,"products":"x","country_codes":[1,null,"US"],)"
	    R"("oauth":"yes","url":{},"logo":[]}]})");
	const auto banks = run_task(plaid.provider.institutions(plaid.session(), "x"));
	ASSERT_EQ(found(banks), "i");
	EXPECT_EQ(banks[0].countries, (std::vector<std::string>{"US"}));
	EXPECT_FALSE(banks[0].oauth);
	EXPECT_EQ(banks[0].name + banks[0].url + banks[0].logo, "");
	plaid.transport.answer("/institutions/search", R"({"institutions":[{"name":"without id"}]})");
	EXPECT_EQ(caught([&] { run_task(plaid.provider.institutions(plaid.session(), "x")); }).code(),
	          ErrorCode::bad_reply);
}

// ---- /institutions/get ----

/// What listing all comes to when these pages are answered: ids, or the error's message.
std::string listed(const std::vector<std::string> &pages) {
	PlaidSession plaid;
	for (const std::string &page : pages)
		plaid.transport.answer("/institutions/get", page);
	try {
		return found(run_task(plaid.provider.institutions(plaid.session(), "  ")));
	} catch (const Error &error) {
		EXPECT_EQ(error.code(), ErrorCode::bad_reply);
		EXPECT_TRUE(plaid.transport.script_used_up());
		return error.message();
	}
}

TEST(PlaidInstitutions, AllPagesAreRead) {
	PlaidSession plaid;
	plaid.transport.answer("/institutions/get", list_json({"a", "b"}, "3"))
	    .answer("/institutions/get", list_json({"c"}, "3"));
	EXPECT_EQ(found(run_task(plaid.provider.institutions(plaid.session(), ""))), "a b c");
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(),
	          R"({"count":500,"country_codes":["US"],"offset":0,"options":{"products":["transactions"]}})");
	EXPECT_EQ(plaid.transport.requests.at(1).canonical_body(),
	          R"({"count":500,"country_codes":["US"],"offset":2,"options":{"products":["transactions"]}})");
	EXPECT_EQ(listed({list_json({}, "0")}), "");
	EXPECT_EQ(listed({list_json({"a"}, "2"), list_json({"b"}, "3"), list_json({"c"}, "3")}), "a b c");
}

TEST(PlaidInstitutions, AreNeverSilentlyShort) {
	const std::string changed = "the list of banks changed while being read";
	EXPECT_EQ(listed({list_json({"a"}, "3"), list_json({"b"}, "2")}), changed);
	EXPECT_EQ(listed({list_json({"a"}, "2"), list_json({}, "2")}), changed);
	EXPECT_EQ(listed({list_json({}, "2")}), changed);
	EXPECT_EQ(listed({list_json({"a", "b"}, "4"), list_json({"b", "c"}, "4")}), changed);
	EXPECT_EQ(listed({R"({"institutions":null,"total":1})"}), changed);
	const std::string no_total = "plaid's answer was not understood: total is missing or negative";
	EXPECT_EQ(listed({list_json({"a"})}), no_total);
	EXPECT_EQ(listed({list_json({"a"}, "null")}), no_total);
	EXPECT_EQ(listed({list_json({"a"}, "-1")}), no_total);
}

TEST(PlaidInstitutions, ALimitIsTold) {
	PlaidSession plaid;
	plaid.transport.answer("/institutions/get", list_json({"a"}, "2"))
	    .answer("/institutions/get", 429, plaid_error("RATE_LIMIT_EXCEEDED", "INSTITUTIONS_GET_LIMIT"));
	const Error error = caught([&] { run_task(plaid.provider.institutions(plaid.session(), "")); });
	EXPECT_EQ(error.code(), ErrorCode::rate_limited);
	EXPECT_NE(error.hint().find("search by name, or read page by page with ob.request"), std::string::npos);
}

} // namespace
} // namespace ob::providers::plaid
