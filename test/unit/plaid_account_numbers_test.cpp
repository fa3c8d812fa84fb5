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

std::string item(const std::string &lists) {
	return R"({"item":{"item_id":"i",)" + lists + R"(},"request_id":"r1"})";
}

std::vector<AccountNumber> numbers_of(PlaidSession &plaid) {
	return run_task(plaid.provider.account_numbers(plaid.session(), PlaidSession::credentials()));
}

TEST(PlaidAccountNumbers, OfAllSchemes) {
	PlaidSession plaid;
	plaid.transport.answer("/item/get", item(R"("products":["auth"])"));
	plaid.transport.answer(
	    "/auth/get", R"({"accounts":[],"item":{},"numbers":{)"
	                 R"("ach":[{"account":"9900009606","account_id":"a","routing":"011401533",)"
	                 R"("wire_routing":"021000021","is_tokenized_account_number":true}],)"
	                 R"("eft":[{"account":"111122223333","account_id":"b","institution":"021","branch":"01140"}],)"
	                 R"("international":[{"account_id":"c","bic":"NWBKGB21","iban":"GB29NWBK60161331926819"}],)"
	                 R"("bacs":[{"account":"31926819","account_id":"c","sort_code":"601613"}]},"request_id":"r2"})");
	const std::vector<AccountNumber> all = numbers_of(plaid);
	std::string text;
	for (const AccountNumber &number : all)
		text += number.account_id + " " + number.scheme + " " + std::string(number.number.reveal()) + " " +
		        number.bank_code + " " + number.branch_code + " " + number.wire_code + " " + number.bic + " " +
		        (number.tokenized ? "tokenized" : "") + "\n";
	EXPECT_EQ(text, "a ach 9900009606 011401533  021000021  tokenized\n"
	                "b eft 111122223333 021 01140   \n"
	                "c bacs 31926819 601613    \n"
	                "c iban GB29NWBK60161331926819    NWBKGB21 \n");
	EXPECT_EQ(plaid.stats.last_request_id, "r2");
}

TEST(PlaidAccountNumbers, AreNotAskedForWhereTheyWouldBeBilledUnasked) {
	PlaidSession plaid;
	plaid.transport.answer("/item/get", item(R"("products":["transactions"],"available_products":["auth"])"));
	const Error error = caught([&] { numbers_of(plaid); });
	EXPECT_EQ(error.code(), ErrorCode::not_configured);
	EXPECT_EQ(plaid.transport.requests.size(), 1u);
}

TEST(PlaidAccountNumbers, ConsentIsEnough) {
	for (const char *lists : {R"("consented_products":["auth"])", R"("billed_products":["auth"])"}) {
		PlaidSession plaid;
		plaid.transport.answer("/item/get", item(lists));
		plaid.transport.answer("/auth/get", R"({"numbers":{"ach":null},"request_id":"r"})");
		EXPECT_TRUE(numbers_of(plaid).empty());
	}
}

TEST(PlaidAccountNumbers, CardsHaveNone) {
	PlaidSession plaid;
	plaid.transport.answer("/item/get", item(R"("products":["auth"])"));
	plaid.transport.answer("/auth/get", 400, plaid_error("ITEM_ERROR", "NO_AUTH_ACCOUNTS"));
	EXPECT_TRUE(numbers_of(plaid).empty());
}

TEST(PlaidAccountNumbers, AnswersThatAreNoneAreRefused) {
	for (const char *body : {R"({"request_id":"r"})", R"({"numbers":{"ach":[{"account":"1"}]},"request_id":"r"})",
	                         R"({"numbers":{"ach":[{"account_id":"a"}]},"request_id":"r"})"}) {
		PlaidSession plaid;
		plaid.transport.answer("/item/get", item(R"("products":["auth"])"));
		plaid.transport.answer("/auth/get", body);
		EXPECT_EQ(caught([&] { numbers_of(plaid); }).code(), ErrorCode::bad_reply);
	}
}

} // namespace
} // namespace ob::providers::plaid
