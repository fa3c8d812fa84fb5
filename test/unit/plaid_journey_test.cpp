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

// ---- /link/token/get ----

std::string sessions(const std::string &list) {
	return R"({"link_token":"link-1","created_at":"2026-03-10T11:00:00Z","expiration":"2026-03-10T15:00:00Z",)"
	       R"("link_sessions":)" +
	       list + R"(,"metadata":{},"request_id":"r"})";
}

Journey journey(const std::string &list) {
	PlaidSession plaid;
	plaid.transport.answer("/link/token/get", sessions(list));
	return run_task(plaid.provider.follow_link(plaid.session(), Secret("link-sandbox-1")));
}

std::string tokens(const std::vector<LinkGrant> &grants) {
	std::string found;
	for (const LinkGrant &grant : grants) {
		EXPECT_EQ(grant.kind, "public_token");
		found.append(found.empty() ? "" : " ").append(grant.value.reveal());
	}
	return found;
}

std::string added(const std::string &token) {
	return R"({"public_token":")" + token +
	       R"(","accounts":[{"id":"a1","name":"Plaid Checking","mask":"0000","type":"depository","subtype":"checking",)"
	       R"("verification_status":null}],"institution":{"institution_id":"ins_109508","name":"First Platypus Bank"}})";
}

/// A session that ended well.
std::string succeeded(const std::string &results, const std::string &more = {}) {
	return R"({"link_session_id":"s","started_at":"2026-03-10T11:01:00Z","finished_at":"2026-03-10T11:02:03.123456789Z",)"
	       R"("results":{"item_add_results":[)" +
	       results + R"(],"bank_income_results":[]},"exit":null,"events":[])" + more + "}";
}

/// One that the user gave up.
std::string given_up(const std::string &error, const std::string &finished_at = "2026-03-10T11:02:03.123456789Z",
                     const char *key = "exit") {
	return R"({"link_session_id":"s","finished_at":")" + finished_at + R"(","results":null,")" + key +
	       R"(":{"error":)" + error +
	       R"(,"metadata":{"status":"requires_credentials","institution":null,"link_session_id":"s"}}})";
}

constexpr const char *kRunning = R"({"link_session_id":"s2","started_at":"2026-03-10T11:01:00Z","finished_at":null})";

TEST(PlaidJourney, AsksWithTheLinkToken) {
	PlaidSession plaid;
	plaid.transport.answer("/link/token/get", sessions("[]"));
	run_task(plaid.provider.follow_link(plaid.session(), Secret("link-sandbox-1")));
	EXPECT_EQ(plaid.transport.requests.at(0).canonical_body(), R"({"link_token":"link-sandbox-1"})");
}

TEST(PlaidJourney, FindsWhatWasGranted) {
	const Journey found = journey("[" + succeeded(added("public-1")) + "]");
	EXPECT_EQ(found.state, Journey::State::granted);
	ASSERT_EQ(tokens(found.grants), "public-1");
	const LinkGrant &grant = found.grants.front();
	EXPECT_EQ(grant.institution_id, "ins_109508");
	EXPECT_EQ(grant.institution_name, "First Platypus Bank");
	ASSERT_EQ(grant.accounts.size(), 1u);
	EXPECT_EQ(grant.accounts[0].name, "Plaid Checking");
	EXPECT_EQ(grant.accounts[0].mask, "0000");
	EXPECT_EQ(found.reason, "");
}

TEST(PlaidJourney, CollectsFromAllSessionsEachTokenOnce) {
	EXPECT_EQ(tokens(journey("[" + given_up("null") + "," + succeeded(added("a") + "," + added("b")) + "," +
	                         succeeded(added("b") + "," + added("c")) + "," + kRunning + "]")
	                     .grants),
	          "a b c");
	// The older form stands beside the newer one, or alone.
	const std::string on_success =
	    R"(,"on_success":{"public_token":"a","metadata":{"institution":null,"accounts":null}})";
	EXPECT_EQ(tokens(journey("[" + succeeded(added("a"), on_success) + "]").grants), "a");
	const Journey old =
	    journey(R"([{"finished_at":"2026-03-10T11:02:03Z","on_success":{"public_token":"z","metadata":)"
	            R"({"institution":{"institution_id":"ins_1","name":"Old"},"accounts":[{"mask":"12"}]}}}])");
	EXPECT_EQ(old.state, Journey::State::granted);
	EXPECT_EQ(tokens(old.grants), "z");
	EXPECT_EQ(old.grants[0].institution_name, "Old");
	EXPECT_EQ(old.grants[0].accounts.at(0).mask, "12");
}

TEST(PlaidJourney, AnInstitutionOrAccountsMayBeMissing) {
	for (const char *result :
	     {R"({"public_token":"p","institution":null,"accounts":[]})", R"({"public_token":"p","accounts":null})",
	      R"({"public_token":"p","institution":"x","accounts":"y"})",
	      R"({"public_token":"p","accounts":[null,{},7]})"}) {
		const Journey found = journey("[" + succeeded(result) + "]");
		ASSERT_EQ(tokens(found.grants), "p") << result;
		EXPECT_EQ(found.grants[0].institution_id + found.grants[0].institution_name, "");
		EXPECT_TRUE(found.grants[0].accounts.empty()) << result;
	}
}

TEST(PlaidJourney, IsOpenWhileSomethingMayCome) {
	for (const std::string &list :
	     {std::string("[]"), std::string("null"), "[" + std::string(kRunning) + "]",
	      "[" + given_up("null") + "," + kRunning + "]", std::string(R"([{"link_session_id":"s"}])"),
	      std::string(R"([{"finished_at":"2026-03-10T11:02:03Z","results":null,"exit":null}])")}) {
		const Journey found = journey(list);
		EXPECT_EQ(found.state, Journey::State::open) << list;
		EXPECT_TRUE(found.grants.empty() && found.reason.empty());
	}
}

TEST(PlaidJourney, IsLeftWhenTheUserGaveUp) {
	const std::string locked = plaid_error("ITEM_ERROR", "ITEM_LOCKED");
	const std::string down = plaid_error("INSTITUTION_ERROR", "INSTITUTION_DOWN");
	EXPECT_EQ(journey("[" + given_up("null") + "]").state, Journey::State::left);
	EXPECT_EQ(journey("[" + given_up("null") + "]").reason, "requires_credentials");
	EXPECT_EQ(journey("[" + given_up(locked) + "]").reason, "ITEM_LOCKED");
	EXPECT_EQ(journey("[" + given_up(locked, "2026-03-10T11:02:03Z", "on_exit") + "]").reason, "ITEM_LOCKED");
	// The last exit tells why, wherever it stands; nine digits behind the second are read.
	EXPECT_EQ(journey("[" + given_up(down, "2026-03-10T11:02:03.900000000Z") + "," +
	                  given_up(locked, "2026-03-10T11:02:03.123456789Z") + "]")
	              .reason,
	          "INSTITUTION_DOWN");
	EXPECT_EQ(journey(R"([{"exit":{"error":null,"metadata":null}}])").state, Journey::State::left);
	EXPECT_EQ(journey(R"([{"exit":{"error":null,"metadata":null}}])").reason, "");
	// A later success outweighs it.
	EXPECT_EQ(journey("[" + given_up(locked) + "," + succeeded(added("p")) + "]").state, Journey::State::granted);
}

TEST(PlaidJourney, EndsWellWithoutATokenInUpdateMode) {
	const std::string with_event = R"({"finished_at":"2026-03-10T11:02:03Z","results":null,"exit":null,"events":[)"
	                               R"({"event_name":"OPEN"},{"event_name":"HANDOFF"}]})";
	const std::string with_success = R"({"finished_at":"2026-03-10T11:02:03Z","on_success":{"public_token":null}})";
	for (const std::string &session :
	     {succeeded(""), succeeded(R"({"public_token":null})"), with_event, with_success}) {
		// Whatever the user has left before or after it.
		for (const std::string &list : {session, session + "," + given_up("null"), given_up("null") + "," + session,
		                                session + "," + std::string(kRunning)}) {
			const Journey found = journey("[" + list + "]");
			EXPECT_EQ(found.state, Journey::State::granted) << list;
			EXPECT_TRUE(found.grants.empty() && found.reason.empty()) << list;
		}
	}
	const std::string handed_over_so_far = R"({"finished_at":null,"events":[{"event_name":"HANDOFF"}]})";
	EXPECT_EQ(journey("[" + handed_over_so_far + "]").state, Journey::State::open);
}

TEST(PlaidJourney, TellsARefusedLinkToken) {
	PlaidSession plaid;
	plaid.transport.answer("/link/token/get", 400, plaid_error("INVALID_INPUT", "INVALID_LINK_TOKEN"));
	const auto follow = [&] { run_task(plaid.provider.follow_link(plaid.session(), Secret("link-sandbox-1"))); };
	try {
		follow();
		ADD_FAILURE();
	} catch (const ProviderError &error) {
		EXPECT_EQ(error.provider_code(), "INVALID_LINK_TOKEN");
		EXPECT_EQ(error.reaction(), Reaction::permanent);
		EXPECT_EQ(error.hint(), "Start a new link.");
	}
	plaid.transport.answer("/link/token/get", R"({"request_id":"r"})");
	EXPECT_EQ(caught(follow).code(), ErrorCode::bad_reply);
}

// ---- what the application brings ----

TEST(PlaidResponse, HoldsThePublicTokens) {
	const auto found = [](const char *response) { return tokens(PlaidProvider().grants_from_response(response)); };
	EXPECT_EQ(found(R"({"public_token":"public-1","metadata":{"x":1}})"), "public-1");
	EXPECT_EQ(found(R"({"public_tokens":["public-2"],"public_token":"public-2"})"), "public-2");
	EXPECT_EQ(found(R"({"public_tokens":["a","b"]})"), "a b");
	for (const char *response : {"{}", "[]", R"({"public_token":""})", R"({"public_token":5})",
	                             R"({"public_tokens":[]})", R"({"public_tokens":[""]})"})
		EXPECT_EQ(found(response), "") << response;
}

TEST(PlaidResponse, HoldsEachTokenOnce) {
	EXPECT_EQ(tokens(PlaidProvider().grants_from_response(R"({"public_tokens":["a","b","a"]})")), "a b");
}

TEST(PlaidResponse, MayDescribeTheItem) {
	const std::string metadata =
	    R"({"institution":{"institution_id":"ins_1","name":"Bank"},"link_session_id":"s","transfer_status":null,)"
	    R"("accounts":[{"id":"a1","name":"Card 4111111111111111","mask":"4111111111111111","type":"credit",)"
	    R"("subtype":"credit card","verification_status":null},{"id":"a2","name":"Savings","mask":null}]})";
	const auto grants = [](const std::string &response) { return PlaidProvider().grants_from_response(response); };
	for (const char *token : {R"("public_token":"p")", R"("public_tokens":["p"])"}) {
		const auto found = grants("{" + std::string(token) + R"(,"metadata":)" + metadata + "}");
		ASSERT_EQ(tokens(found), "p");
		EXPECT_EQ(found[0].institution_id, "ins_1");
		EXPECT_EQ(found[0].institution_name, "Bank");
		// As the accounts of a connection have them.
		ASSERT_EQ(found[0].accounts.size(), 2u);
		EXPECT_EQ(found[0].accounts[0].name, "Card ************1111");
		EXPECT_EQ(found[0].accounts[0].mask, "1111");
		EXPECT_EQ(found[0].accounts[1].name, "Savings");
		EXPECT_EQ(found[0].accounts[1].mask, "");
	}
	for (const char *none : {"null", "{}", R"({"institution":null,"accounts":null})",
	                         R"({"institution":5,"accounts":{}})", "[]", "\"x\""}) {
		const auto found = grants(R"({"public_token":"p","metadata":)" + std::string(none) + "}");
		ASSERT_EQ(tokens(found), "p") << none;
		EXPECT_TRUE(found[0].institution_id.empty() && found[0].accounts.empty()) << none;
	}
	// Of several items it is unclear which one is meant.
	EXPECT_EQ(grants(R"({"public_tokens":["p","q"],"metadata":)" + metadata + "}").at(0).institution_id, "");
}

} // namespace
} // namespace ob::providers::plaid
