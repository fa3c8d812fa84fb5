// TrueLayer's accounts, cards, balances, numbers and banks.
#include <gtest/gtest.h>

#include <string>

#include "core/time.hpp"
#include "providers/row_identity.hpp"
#include "providers/truelayer/accounts.hpp"
#include "unit/support/fake_budget.hpp"
#include "unit/support/truelayer_session.hpp"

namespace ob::providers::truelayer {
namespace {

using test::caught;
using test::results;
using test::run_task;
using test::truelayer_error;
using test::TrueLayerSession;

constexpr auto kAccounts = "/data/v1/accounts";
constexpr auto kCards = "/data/v1/cards";
constexpr auto kBalance = "/data/v1/accounts/{account_id}/balance";
constexpr auto kCardBalance = "/data/v1/cards/{account_id}/balance";

constexpr auto kAccount = R"({"update_timestamp":"2026-03-10T11:59:00Z","account_id":"a1","account_type":"TRANSACTION",
	"display_name":"Club Lloyds","currency":"GBP","account_number":{"iban":"GB35LOYD12345678901234","number":"12345678",
	"sort_code":"12-34-56","swift_bic":"LOYDGB2L"},"provider":{"provider_id":"lloyds"},"something_new":[1]})";
constexpr auto kCard = R"({"account_id":"c1","card_network":"VISA","card_type":"CREDIT","currency":"GBP",
	"display_name":"Club Credit Card","partial_card_number":"0044","name_on_card":"A. N. Other","valid_from":"2017-01"})";
constexpr auto kAccountBalance =
    R"({"currency":"GBP","available":2150.8,"current":1161.20,"overdraft":1000,"update_timestamp":"2026-03-01T17:33:30.001222Z"})";
constexpr auto kCardBalanceRow =
    R"({"available":"3279","currency":"GBP","current":20,"credit_limit":3300,"last_statement_balance":420,
	"update_timestamp":"2017-02-247T17:29:24.740802Z"})";

struct Bank : TrueLayerSession {
	Bank() { option("scopes", "accounts cards balance transactions offline_access"); }
	AccountList read(std::vector<std::string> ids = {}) {
		return run_task(provider.accounts(session(), credentials(), ids));
	}
};

TEST(TrueLayerAccounts, AccountsAndCardsInTheNeutralModel) {
	Bank bank;
	bank.transport.answer(kAccounts, results(kAccount)).answer(kCards, results(kCard));
	bank.transport.answer(kBalance, results(kAccountBalance)).answer(kCardBalance, results(kCardBalanceRow));
	const AccountList list = bank.read();
	ASSERT_EQ(list.accounts.size(), 2u);
	const Account &account = list.accounts.at(0);
	EXPECT_EQ(account.id, "a1");
	EXPECT_EQ(account.name, "Club Lloyds");
	EXPECT_EQ(account.type, "checking");
	EXPECT_EQ(account.provider_type, "TRANSACTION");
	EXPECT_EQ(account.mask, "5678");
	EXPECT_EQ(account.iban, "****1234");
	EXPECT_EQ(account.currency, "GBP");
	EXPECT_EQ(account.balance_current, "1161.20");
	EXPECT_EQ(account.balance_available, "2150.8");
	EXPECT_EQ(account.credit_limit, "1000");
	EXPECT_EQ(time::format_timestamp(account.balance_at.value()), "2026-03-01T17:33:30.001222Z");
	for (const char *secret : {"GB35LOYD12345678901234", "\"12345678\""})
		EXPECT_EQ(account.raw.find(secret), std::string::npos) << account.raw;
	EXPECT_NO_THROW(json::Document::parse(account.raw)) << account.raw;
	EXPECT_NE(account.raw.find(R"("balance":{"currency":"GBP")"), std::string::npos);
	const Account &card = list.accounts.at(1);
	EXPECT_EQ(card.type, "credit_card");
	EXPECT_EQ(card.provider_type, "CREDIT");
	EXPECT_EQ(card.provider_subtype, "VISA");
	EXPECT_EQ(card.mask, "0044");
	EXPECT_EQ(card.balance_current, "-20") << "what is owed";
	EXPECT_EQ(card.balance_available, "3279");
	EXPECT_EQ(card.credit_limit, "3300");
	EXPECT_FALSE(card.balance_at);
}

TEST(TrueLayerAccounts, EachKindHasAType) {
	struct Case {
		const char *theirs;
		const char *ours;
	};
	for (const Case &one : std::initializer_list<Case>{{"TRANSACTION", "checking"},
	                                                   {"BUSINESS_TRANSACTION", "checking"},
	                                                   {"SAVINGS", "savings"},
	                                                   {"BUSINESS_SAVINGS", "savings"},
	                                                   {"SOMETHING", "other"}}) {
		TrueLayerSession bank;
		bank.option("scopes", "accounts offline_access");
		bank.transport.answer(kAccounts,
		                      results(R"({"account_id":"a","account_type":")" + std::string(one.theirs) + "\"}"));
		EXPECT_EQ(run_task(bank.provider.accounts(bank.session(), bank.credentials(), {})).accounts.at(0).type,
		          one.ours);
		EXPECT_EQ(bank.transport.requests.size(), 1u) << "neither cards nor balances are in scope";
	}
}

TEST(TrueLayerAccounts, ABankMayHaveOneKindOnly) {
	for (const int status : {403, 404, 501}) {
		Bank cards_only;
		cards_only.transport.answer(kAccounts, status, truelayer_error("endpoint_not_supported"));
		cards_only.transport.answer(kCards, results(kCard)).answer(kCardBalance, results(kCardBalanceRow));
		EXPECT_EQ(cards_only.read().accounts.at(0).id, "c1") << status;
		Bank accounts_only;
		accounts_only.transport.answer(kCards, status, truelayer_error("endpoint_not_supported"));
		accounts_only.transport.answer(kAccounts, results(kAccount)).answer(kBalance, results(kAccountBalance));
		EXPECT_EQ(accounts_only.read().accounts.at(0).id, "a1") << status;
	}
}

TEST(TrueLayerAccounts, AListThatIsDeniedMayHaveMore) {
	for (const char *code : {"access_denied", "sca_exceeded"}) {
		Bank bank;
		const auto answer = [&] {
			bank.transport.answer(kAccounts, results(kAccount)).answer(kCards, 403, truelayer_error(code));
		};
		answer();
		try {
			bank.read();
			ADD_FAILURE() << code;
		} catch (const ProviderError &error) {
			EXPECT_EQ(error.code(), ErrorCode::refused);
			EXPECT_EQ(error.reaction(), Reaction::permanent) << "it says nothing of the connection";
			EXPECT_STREQ(error.what(), "the bank does not show its cards, but accounts alone");
		}
		answer();
		EXPECT_EQ(caught([&] { bank.read({"c1"}); }).code(), ErrorCode::refused) << "it may well be known";
		answer();
		bank.transport.answer(kBalance, results(kAccountBalance));
		EXPECT_EQ(bank.read({"a1"}).accounts.size(), 1u) << "nothing is missing";
		answer();
		EXPECT_EQ(run_task(bank.provider.account_numbers(bank.session(), bank.credentials())).size(), 2u)
		    << "cards have none";
		bank.transport.answer(kAccounts, 403, truelayer_error(code)).answer(kCards, results(kCard));
		EXPECT_EQ(caught([&] { run_task(bank.provider.account_numbers(bank.session(), bank.credentials())); }).code(),
		          ErrorCode::refused);
	}
}

TEST(TrueLayerAccounts, ACardIssuerWantsItsScope) {
	Bank bank;
	bank.option("scopes", "accounts transactions offline_access");
	bank.transport.answer(kAccounts, 501, truelayer_error("endpoint_not_supported"));
	EXPECT_NE(caught([&] { bank.read(); }).hint().find("Add cards to the server's option scopes"), std::string::npos);
}

TEST(TrueLayerAccounts, BothRefusedTheConnectionIs) {
	Bank bank;
	bank.transport.answer(kAccounts, 501, truelayer_error("endpoint_not_supported"));
	bank.transport.answer(kCards, 403, truelayer_error("access_denied"));
	EXPECT_EQ(caught([&] { bank.read(); }).code(), ErrorCode::reauth_required);
	bank.option("scopes", "accounts offline_access");
	bank.transport.answer(kAccounts, 403, truelayer_error("access_denied"));
	EXPECT_EQ(caught([&] { bank.read(); }).code(), ErrorCode::reauth_required);
}

TEST(TrueLayerAccounts, OtherTroubleWithOneListIsTrouble) {
	Bank bank;
	bank.transport.answer(kAccounts, results(kAccount));
	for (int i = 0; i < 2; ++i)
		bank.transport.answer(kCards, 500, truelayer_error("internal_server_error"));
	EXPECT_EQ(caught([&] { bank.read(); }).code(), ErrorCode::provider_down);
}

TEST(TrueLayerAccounts, AGatewaysPageIsNoRefusal) {
	Bank bank;
	for (int i = 0; i < 2; ++i)
		bank.transport.answer(kAccounts, 403, "<html>blocked</html>");
	bank.transport.answer(kCards, results(kCard));
	EXPECT_EQ(caught([&] { bank.read(); }).code(), ErrorCode::bad_reply) << "the accounts are not gone";
}

TEST(TrueLayerAccounts, ABalanceThatIsNotToldIsLeftOut) {
	for (const int status : {403, 404, 501}) {
		TrueLayerSession bank;
		bank.transport.answer(kAccounts, results(kAccount)).answer(kBalance, status, truelayer_error("access_denied"));
		const AccountList list = run_task(bank.provider.balances(bank.session(), bank.credentials(), {}));
		EXPECT_EQ(list.accounts.at(0).balance_current, "") << status;
	}
	TrueLayerSession bank;
	bank.transport.answer(kAccounts, results(kAccount));
	bank.transport.answer(kBalance, 429, truelayer_error("provider_request_limit_exceeded"));
	EXPECT_EQ(caught([&] { run_task(bank.provider.balances(bank.session(), bank.credentials(), {})); }).code(),
	          ErrorCode::rate_limited);
}

TEST(TrueLayerAccounts, ABalanceInAnotherCurrencyIsNotTheAccounts) {
	TrueLayerSession bank;
	bank.transport.answer(kAccounts, results(kAccount)).answer(kBalance, results(R"({"currency":"EUR","current":5})"));
	EXPECT_EQ(run_task(bank.provider.accounts(bank.session(), bank.credentials(), {})).accounts.at(0).balance_current,
	          "");
}

TEST(TrueLayerAccounts, OnlyThoseAskedForHaveTheirBalanceRead) {
	Bank bank;
	bank.transport.answer(kAccounts, results(kAccount)).answer(kCards, results(kCard));
	bank.transport.answer(kCardBalance, results(kCardBalanceRow));
	EXPECT_EQ(bank.read({"c1"}).accounts.size(), 1u);
	EXPECT_EQ(bank.transport.requests.size(), 3u);
	bank.transport.answer(kAccounts, results(kAccount)).answer(kCards, results(kCard));
	EXPECT_EQ(caught([&] { bank.read({"c1", "gone"}); }).code(), ErrorCode::not_found);
}

TEST(TrueLayerAccounts, WithoutAnIdThereIsNoAccount) {
	TrueLayerSession bank;
	bank.transport.answer(kAccounts, results(R"({"display_name":"x"})"));
	EXPECT_EQ(caught([&] { run_task(bank.provider.accounts(bank.session(), bank.credentials(), {})); }).code(),
	          ErrorCode::bad_reply);
}

TEST(TrueLayerAccounts, AreAskedForSideBySide) {
	Bank bank;
	bank.transport.handle_with([](const test::SentRequest &sent) {
		return test::FakeTransport::response(
		    200, sent.endpoint == kAccounts ? results(R"({"account_id":"1"},{"account_id":"2"},{"account_id":"3"})")
		                                    : results(""));
	});
	bank.read();
	EXPECT_EQ(bank.transport.most_at_once, 3);
}

// ---- for a sync ----

TEST(TrueLayerListing, ATimeThatIsThatOfAskingIsNone) {
	TrueLayerSession bank;
	bank.transport.answer(kAccounts, results(kAccount));
	bank.transport.answer(kBalance,
	                      results(R"({"currency":"GBP","current":1,"update_timestamp":"2026-03-10T12:00:00Z"})"));
	EXPECT_FALSE(
	    run_task(bank.provider.list_accounts(bank.session(), bank.credentials())).list.accounts.at(0).balance_at);
	bank.transport.answer(kAccounts, results(kAccount)).answer(kBalance, results(kAccountBalance));
	EXPECT_TRUE(
	    run_task(bank.provider.list_accounts(bank.session(), bank.credentials())).list.accounts.at(0).balance_at);
}

TEST(TrueLayerListing, TellsOfWhichKindsItIs) {
	struct Case {
		int status;
		const char *code;
		bool told;
	};
	for (const Case &one : std::initializer_list<Case>{{403, "access_denied", false},
	                                                   {403, "sca_exceeded", false},
	                                                   {404, "not_found", false},
	                                                   {403, "endpoint_not_supported", true},
	                                                   {501, "endpoint_not_supported", true}}) {
		Bank bank;
		const auto list = [&] { return run_task(bank.provider.list_accounts(bank.session(), bank.credentials())); };
		bank.transport.answer(kAccounts, results(kAccount)).answer(kBalance, results(kAccountBalance));
		bank.transport.answer(kCards, one.status, truelayer_error(one.code));
		AccountListing listing = list();
		EXPECT_EQ(listing.list.accounts.size(), 1u);
		EXPECT_EQ(listing.told, one.told ? AccountKinds::all : AccountKinds::all_but_cards) << one.code;
		bank.transport.answer(kAccounts, one.status, truelayer_error(one.code));
		bank.transport.answer(kCards, results(kCard)).answer(kCardBalance, results(kCardBalanceRow));
		EXPECT_EQ(list().told, one.told ? AccountKinds::all : AccountKinds::cards) << one.code;
	}
}

TEST(TrueLayerListing, NumbersComeInFull) {
	TrueLayerSession bank;
	const std::string au = R"({"account_id":"a2","account_number":{"number":"453278497078354","bsb":"112879",)"
	                       R"("swift_bic":"NOT_SUPPORTED_BY_GEO"}})";
	const std::string us =
	    R"({"account_id":"a3","account_number":{"number":"0001112223","routing_number":"021000021"}})";
	const std::string de = R"({"account_id":"a4","account_number":{"iban":"DE89370400440532013000"}})";
	const std::string local = R"({"account_id":"a5","account_number":{"number":"998877"}})";
	bank.transport.answer(kAccounts, results(std::string(kAccount) + "," + au + "," + us + "," + de + "," + local +
	                                         R"(,{"account_id":"a6","account_number":{}})"));
	const auto numbers = run_task(bank.provider.account_numbers(bank.session(), bank.credentials()));
	struct Want {
		const char *account, *scheme, *number, *bank, *bic;
	};
	const std::vector<Want> wanted{
	    {"a1", "iban", "GB35LOYD12345678901234", "", "LOYDGB2L"}, {"a1", "bacs", "12345678", "12-34-56", "LOYDGB2L"},
	    {"a2", "bsb", "453278497078354", "112879", ""},           {"a3", "ach", "0001112223", "021000021", ""},
	    {"a4", "iban", "DE89370400440532013000", "", ""},         {"a5", "local", "998877", "", ""}};
	ASSERT_EQ(numbers.size(), wanted.size());
	for (std::size_t i = 0; i < wanted.size(); ++i) {
		EXPECT_EQ(numbers[i].account_id, wanted[i].account);
		EXPECT_EQ(numbers[i].scheme, wanted[i].scheme);
		EXPECT_EQ(numbers[i].number.reveal(), wanted[i].number);
		EXPECT_EQ(numbers[i].bank_code, wanted[i].bank);
		EXPECT_EQ(numbers[i].bic, wanted[i].bic);
		EXPECT_TRUE(number_key(numbers[i])) << "fit to know the account again";
	}
	EXPECT_EQ(bank.transport.requests.size(), 1u) << "no balances";
}

// ---- banks ----

constexpr auto kBanks =
    R"([{"provider_id":"mock","display_name":"Mock","country":"uk","logo_url":"https://x.example/l.svg",
	"scopes":["accounts","balance"],"availability":{"recommended_status":"healthy"}},
	{"display_name":"Nobody's Bank","country":"uk"},
	{"provider_id":"ob-lloyds","display_name":"Lloyds Bank","country":"uk","scopes":["accounts"]}])";

TEST(TrueLayerBanks, AreListedAndFound) {
	TrueLayerSession bank;
	bank.option("country_codes", "GB,DE");
	const auto budget = std::make_shared<test::FakeBudget>();
	bank.server->budget = budget;
	for (int i = 0; i < 3; ++i)
		bank.transport.answer("/api/providers", kBanks);
	const auto all = run_task(bank.provider.institutions(bank.session(), " "));
	ASSERT_EQ(all.size(), 2u) << "one without an id cannot be linked";
	EXPECT_EQ(all[0].id, "mock");
	EXPECT_EQ(all[0].name, "Mock");
	EXPECT_EQ(all[0].countries, std::vector<std::string>{"uk"});
	EXPECT_EQ(all[0].products, (std::vector<std::string>{"accounts", "balance"}));
	EXPECT_EQ(all[0].status, "healthy");
	EXPECT_EQ(bank.transport.requests.at(0).url,
	          "https://auth.truelayer-sandbox.com/api/providers?clientId=sandbox-client&country=uk%20de");
	EXPECT_EQ(bank.transport.requests.at(0).header("Authorization"), "");
	EXPECT_EQ(run_task(bank.provider.institutions(bank.session(), "LLOYDS")).at(0).id, "ob-lloyds");
	EXPECT_EQ(run_task(bank.provider.institution(bank.session(), "mock")).name, "Mock");
	EXPECT_TRUE(budget->asked.empty()) << "links that are made meanwhile need theirs";
	bank.transport.answer("/api/providers", "[]");
	EXPECT_EQ(caught([&] { run_task(bank.provider.institution(bank.session(), "mock")); }).code(),
	          ErrorCode::not_found);
}

} // namespace
} // namespace ob::providers::truelayer
