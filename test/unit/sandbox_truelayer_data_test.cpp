// The simulated TrueLayer's Data API: accounts, cards, transactions, windows, quotas, asynchronous calls, errors.
#include "sandbox_truelayer.hpp"

namespace ob::sandbox {
namespace {

class TrueLayerData : public TrueLayerTest {
protected:
	/// A connection with one empty account `acc` and one empty card `card`.
	std::string plain(const std::string &bank = "mock") {
		return connect(R"({"provider_id": ")" + bank +
		               R"(", "accounts": [{"account_id": "acc"}, {"account_id": "card", "card": true}]})")
		    .text_of("access_token");
	}
	void add(const std::string &row, const std::string &account = "acc") {
		control("truelayer/transactions/add", R"({"account_id": ")" + account + R"(", "transactions": [)" + row + "]}");
	}
	static std::string between(const std::string &from, const std::string &to) { return "?from=" + from + "&to=" + to; }
	static constexpr const char *kTransactions = "/accounts/acc/transactions";
};

TEST_F(TrueLayerData, AccountsAndCardsAreApart) {
	const std::string token = connect().text_of("access_token");
	const auto accounts = results(token, "/accounts");
	const auto cards = results(token, "/cards");
	ASSERT_EQ(accounts.size(), 2U);
	ASSERT_EQ(cards.size(), 1U);
	const std::string account = accounts[0].text_of("account_id");
	const std::string card = cards[0].text_of("account_id");
	EXPECT_EQ(results(token, "/accounts/" + account).front().text_of("display_name"), "TRANSACTION ACCOUNT 1");
	EXPECT_TRUE(results(token, "/accounts/" + account + "/balance").front().has("overdraft"));
	EXPECT_TRUE(results(token, "/cards/" + card + "/balance").front().has("credit_limit"));
	EXPECT_EQ(error_of(data(token, "/accounts/" + card)), "account_not_found");
	EXPECT_EQ(error_of(data(token, "/cards/" + account + "/transactions")), "account_not_found");
	EXPECT_EQ(error_of(data(token, "/cards/" + card + "/standing_orders")), "not_found");
	EXPECT_EQ(results(token, "/accounts/" + account + "/standing_orders").size(), 1U);
	const auto debit = [&] { return results(token, "/accounts/" + account + "/direct_debits").front(); };
	EXPECT_NE(debit().text_of("direct_debit_id"), debit().text_of("direct_debit_id"));
}

TEST_F(TrueLayerData, SignsByTypeAndResource) {
	const std::string token = plain();
	add(R"({"amount": -5.10}, {"amount": 5}, {"transaction_type": "CREDIT"}, {"transaction_type": "DEBIT", "amount": 7})");
	add(R"({"amount": 5.10}, {"amount": -5}, {"transaction_type": "CREDIT"})", "card");
	const auto types = [&](const std::string &path) {
		std::string out;
		for (const Json &row : results(token, path)) {
			out += row.text_of("transaction_type") + " ";
		}
		return out;
	};
	EXPECT_EQ(types(kTransactions), "DEBIT CREDIT CREDIT DEBIT ");
	EXPECT_EQ(types("/cards/card/transactions"), "CREDIT CREDIT DEBIT ");
	const std::string text = data(token, kTransactions).response.body;
	EXPECT_NE(text.find("\"amount\":-5.10,"), std::string::npos); // digit for digit
	EXPECT_NE(text.find("\"amount\":1.00,"), std::string::npos);
	EXPECT_NE(text.find("\"amount\":7,"), std::string::npos); // type and sign may disagree
}

TEST_F(TrueLayerData, PendingIsASetOfItsOwn) {
	const std::string token = plain();
	add(R"({"transaction_id": "p1", "pending": true, "amount": -3}, {"transaction_id": "s1", "amount": -4})");
	const auto pending = results(token, "/accounts/acc/transactions/pending");
	ASSERT_EQ(pending.size(), 1U);
	EXPECT_EQ(pending[0].text_of("transaction_id"), "p1");
	EXPECT_FALSE(pending[0].has("pending"));
	ASSERT_EQ(results(token, kTransactions).size(), 1U);
	control("truelayer/transactions/post", R"({"transaction_id": "p1", "set": {"amount": -3.20}})");
	EXPECT_TRUE(results(token, "/accounts/acc/transactions/pending").empty());
	const auto settled = results(token, kTransactions);
	ASSERT_EQ(settled.size(), 2U);
	for (const Json &row : settled) {
		EXPECT_NE(row.text_of("transaction_id"), "p1");
		EXPECT_TRUE(row.has("normalised_provider_transaction_id"));
	}
}

TEST_F(TrueLayerData, IdsOfTransactions) {
	control("truelayer/providers/set", R"({"fresh_transaction_ids": true})");
	std::string token = plain();
	add(R"({"transaction_id": "t1"})");
	const auto row = [&] { return results(token, kTransactions).front(); };
	EXPECT_NE(row().text_of("transaction_id"), row().text_of("transaction_id"));
	EXPECT_EQ(row().text_of("normalised_provider_transaction_id"), row().text_of("normalised_provider_transaction_id"));
	// The same row keeps its name when it comes back.
	const std::string name = row().text_of("normalised_provider_transaction_id");
	control("truelayer/transactions/remove", R"({"transaction_id": "t1"})");
	EXPECT_TRUE(results(token, kTransactions).empty());
	add(R"({"transaction_id": "t1"})");
	EXPECT_EQ(row().text_of("normalised_provider_transaction_id"), name);
	control("truelayer/transactions/modify", R"({"transaction_id": "t1", "set": {"amount": -9.99}, "omit": ["meta"]})");
	EXPECT_FALSE(row().has("meta"));

	control("reset");
	control("clock", R"({"set": "2026-03-07T10:00:00Z"})");
	token = plain("xs2a-erste"); // has none that lasts
	add("{}");
	EXPECT_FALSE(row().has("normalised_provider_transaction_id"));
	EXPECT_FALSE(row().has("provider_transaction_id"));
	EXPECT_NE(row().text_of("transaction_id"), row().text_of("transaction_id"));
}

TEST_F(TrueLayerData, RangesAreInclusiveDays) {
	const std::string token = plain();
	for (const char *day : {"2026-03-01", "2026-03-02T23:59:59Z", "2026-03-03", "2025-11-01"}) {
		add(std::string(R"({"timestamp": ")") + day + "\"}");
	}
	EXPECT_EQ(results(token, kTransactions + between("2026-03-01", "2026-03-02")).size(), 2U);
	EXPECT_EQ(results(token, kTransactions + between("2026-03-02T00:00:00", "2026-03-03T00%3A00%3A00Z")).size(), 2U);
	EXPECT_EQ(results(token, kTransactions).size(), 3U); // 90 days, unless told
	EXPECT_EQ(error_of(data(token, kTransactions + between("2026-03-01", "2026-03-08"))), "invalid_date_range");
	EXPECT_EQ(error_of(data(token, kTransactions + between("2026-03-03", "2026-03-02"))), "invalid_date_range");
	EXPECT_EQ(error_of(data(token, kTransactions + between("2026-02-30", "2026-03-02"))), "validation_error");
}

TEST_F(TrueLayerData, DeepHistoryOnlyRightAfterTheLogin) {
	const auto ask = [&](const std::string &token, const std::string &from) {
		const Answer answer = data(token, kTransactions + between(from, "2026-03-07"));
		return answer.status() == 200 ? std::to_string(answer.body.get("results").elements().size()) : error_of(answer);
	};
	const auto bank = [&](const char *id) {
		control("reset");
		control("clock", R"({"set": "2026-03-07T10:00:00Z"})");
		std::string token = plain(id);
		add(R"({"timestamp": "2021-05-01"}, {"timestamp": "2025-12-01"}, {"timestamp": "2025-12-08"}, {"timestamp": "2026-03-01"})");
		return token;
	};
	std::string token = bank("mock");
	EXPECT_EQ(ask(token, "2021-01-01"), "4");
	EXPECT_EQ(ask(token, "2016-01-01"), "sca_exceeded");
	control("clock", R"({"advance_seconds": 301})");
	EXPECT_EQ(ask(token, "2021-01-01"), "sca_exceeded");
	EXPECT_EQ(ask(token, "2025-12-07"), "2"); // 90 days
	token = bank("ob-monzo");                 // says nothing
	EXPECT_EQ(ask(token, "2021-01-01"), "4");
	control("clock", R"({"advance_seconds": 301})");
	EXPECT_EQ(ask(token, "2021-01-01"), "1"); // 88 days
	token = bank("ob-lloyds-business");
	control("clock", R"({"advance_seconds": 301})");
	EXPECT_EQ(ask(token, "2021-01-01"), "invalid_date_range");
	token = bank("ob-first-direct");
	EXPECT_EQ(ask(token, "2020-01-01"), "access_denied"); // 72 months
	control("clock", R"({"advance_seconds": 3000})");
	EXPECT_EQ(ask(token, "2021-04-01"), "4");
	control("truelayer/items/set", R"({"authenticated_at": "2026-03-06T10:00:00Z"})");
	EXPECT_EQ(ask(token, "2021-04-01"), "access_denied");
}

TEST_F(TrueLayerData, ARefreshMayEndDeepHistory) {
	const Json made = connect(R"({"provider_id": "ob-first-direct"})");
	const std::string path =
	    "/accounts/" + made.get("account_ids").texts().front() + "/transactions?from=2024-06-01&to=2026-03-07";
	EXPECT_EQ(data(made.text_of("access_token"), path).status(), 200);
	const std::string fresh = refresh(made.text_of("refresh_token")).body.text_of("access_token");
	EXPECT_EQ(error_of(data(fresh, path)), "access_denied");
}

TEST_F(TrueLayerData, InfoMayNeedTheUser) {
	const std::string token = plain("xs2a-erste");
	EXPECT_EQ(results(token, "/info").front().text_of("full_name"), "John Doe");
	control("clock", R"({"advance_seconds": 301})");
	EXPECT_EQ(error_of(data(token, "/info")), "sca_exceeded");
}

TEST_F(TrueLayerData, FourCallsADayWithoutTheUser) {
	control("truelayer/providers/set", R"({"daily_quota": 4})");
	const std::string token = plain();
	const std::string path = "/accounts/acc/balance";
	for (int n = 0; n < 4; ++n) {
		EXPECT_EQ(data(token, path).status(), 200);
	}
	const Answer refused = data(token, path);
	EXPECT_EQ(refused.status(), 429);
	EXPECT_EQ(error_of(refused), "provider_request_limit_exceeded");
	EXPECT_EQ(data(token, kTransactions).status(), 200); // another endpoint
	EXPECT_EQ(data(token, "/me").status(), 200);         // does not go to the bank
	EXPECT_EQ(data(token, path, {{"X-PSU-IP", "2001:db8::7"}}).status(), 200);
	EXPECT_EQ(error_of(data(token, path, {{"X-PSU-IP", "10.0.0.1, 10.0.0.2"}})), "validation_error");
	control("clock", R"({"advance_seconds": 86399})");
	control("truelayer/items/set", R"({"access_expires_at": "2027-01-01T00:00:00Z"})");
	EXPECT_EQ(data(token, path).status(), 429);
	control("clock", R"({"advance_seconds": 1})");
	EXPECT_EQ(data(token, path).status(), 200);
	// A call that fails counts too.
	for (int n = 0; n < 4; ++n) {
		EXPECT_EQ(data(token, "/accounts/none/balance").status(), 404);
	}
	EXPECT_EQ(data(token, "/accounts/none/balance").status(), 429);
	EXPECT_EQ(control("requests").dump().find("2001:db8"), std::string::npos);
}

TEST_F(TrueLayerData, ScopesAndWhatABankHas) {
	const std::string narrow = connect(R"({"scopes": ["accounts", "offline_access"]})").text_of("access_token");
	const std::string account = results(narrow, "/accounts").front().text_of("account_id");
	EXPECT_EQ(error_of(data(narrow, "/accounts/" + account + "/balance")), "access_denied");
	EXPECT_EQ(error_of(data(narrow, "/cards")), "access_denied");
	const std::string amex = connect(R"({"provider_id": "ob-amex"})").text_of("access_token"); // cards only
	const Answer none = data(amex, "/accounts");
	EXPECT_EQ(none.status(), 501);
	EXPECT_EQ(error_of(none), "endpoint_not_supported");
	EXPECT_EQ(results(amex, "/cards").size(), 1U);
}

TEST_F(TrueLayerData, RequestsAreReadStrictly) {
	const std::string token = plain();
	EXPECT_EQ(error_of(data(token, "/accounts?from=2026-03-01")), "validation_error");
	EXPECT_EQ(error_of(data(token, "/me?async=true")), "validation_error");
	EXPECT_EQ(error_of(data(token, "/accounts?async=yes")), "validation_error");
	EXPECT_EQ(error_of(data(token, "/accounts?webhook_uri=http://127.0.0.1/")), "validation_error");
	EXPECT_EQ(error_of(data(token, kTransactions + between("2026-03-01", "2026-03-02") + "&to=2026-03-03")),
	          "validation_error");
	EXPECT_EQ(send(request_of("POST", "/api/data/v1/accounts")).status(), 405);
	EXPECT_EQ(send(request_of("GET", "/api/data/v1/accounts")).status(), 401);
	EXPECT_EQ(send(request_of("GET", "/api/data/v2/accounts")).status(), 404);
}

TEST_F(TrueLayerData, ResultsLater) {
	control("truelayer/config", R"({"async_queued_ms": 2000, "async_running_ms": 3000, "async_keep_seconds": 60})");
	const std::string token = plain();
	add("{}");
	const Answer started = data(token, std::string(kTransactions) + "?async=true");
	EXPECT_EQ(started.status(), 202);
	EXPECT_EQ(started.body.text_of("status"), "Queued");
	const std::string uri = started.body.text_of("results_uri");
	EXPECT_TRUE(uri.starts_with("http://127.0.0.1/truelayer/api/data/v1/results/"));
	const std::string path = "/results/" + started.body.text_of("task_id");
	const auto poll = [&] {
		const Answer answer = data(token, path);
		return answer.body.text_of("status") + " " + std::to_string(answer.body.get("results").elements().size());
	};
	EXPECT_EQ(poll(), "Queued 0");
	control("clock", R"({"advance_seconds": 2})");
	EXPECT_EQ(poll(), "Running 0");
	control("clock", R"({"advance_seconds": 3})");
	EXPECT_EQ(poll(), "Succeeded 1");
	EXPECT_EQ(data(connect().text_of("access_token"), path).status(), 404); // somebody else's
	control("clock", R"({"advance_seconds": 60})");
	EXPECT_EQ(data(token, path).status(), 404);
}

TEST_F(TrueLayerData, ResultsThatFailAndThoseOfElsewhere) {
	control("truelayer/config", R"({"results_base": "https://evil.example"})");
	const std::string token = plain();
	const Answer started = data(token, "/accounts/none/balance?async=true");
	EXPECT_TRUE(started.body.text_of("results_uri").starts_with("https://evil.example/data/v1/results/"));
	const Answer failed = data(token, "/results/" + started.body.text_of("task_id"));
	EXPECT_EQ(failed.body.text_of("status"), "Failed");
	EXPECT_EQ(error_of(failed), "account_not_found");
	// An answer that is none yet, of a call that waited for it.
	control("truelayer/items/set", R"({"answer_status": "Running", "answer_status_count": 2})");
	add("{}");
	for (const char *status : {"Running", "Running", "Succeeded"}) {
		EXPECT_EQ(data(token, kTransactions).body.text_of("status"), status);
	}
	control("truelayer/config", R"({"envelope_status": ""})");
	EXPECT_FALSE(data(token, kTransactions).body.has("status"));
}

TEST_F(TrueLayerData, Batches) {
	const std::string token = plain();
	add(R"({"timestamp": "2026-03-01"}, {"timestamp": "2026-01-01"}, {"pending": true})");
	const HeaderList headers = {{"Authorization", "Bearer " + token}, {"Content-Type", "application/json"}};
	const auto batch = [&](const std::string &body) {
		return send(request_of("POST", "/api/data/v1/batch/transactions", body, headers));
	};
	EXPECT_EQ(data(token, "/batch/results").status(), 404);
	EXPECT_EQ(error_of(batch(R"({"form": "2026-02-01"})")), "validation_error");
	const Answer started =
	    batch(R"({"from": "2026-02-01T00:00:00", "to": "2026-03-07", "pending": true, "balance": true})");
	EXPECT_EQ(started.status(), 202) << started.response.body;
	const Json answer = data(token, "/batch/results").body;
	EXPECT_EQ(answer.text_of("task_id"), started.body.text_of("task_id"));
	const Json account = answer.get("results").get("accounts").elements().front();
	EXPECT_EQ(account.get("transactions").elements().size(), 1U);
	EXPECT_EQ(account.get("pending_transactions").elements().size(), 1U);
	EXPECT_TRUE(account.get("balance").has("current"));
	EXPECT_EQ(answer.get("results").get("cards").elements().size(), 1U);
}

TEST_F(TrueLayerData, ErrorsByControl) {
	const std::string token = plain();
	control("faults",
	        R"({"kind": "error", "code": "connector_timeout", "path": "/truelayer/api/data/v1/accounts/*/balance"})");
	EXPECT_EQ(data(token, kTransactions).status(), 200); // the star is one part of the path
	EXPECT_EQ(data(token, "/accounts/acc/balance").status(), 504);
	control("faults", R"({"kind": "rate_limit", "retry_after": 2, "provider": "truelayer"})");
	EXPECT_EQ(error_of(data(token, "/accounts")), "provider_too_many_requests");
	control("faults", R"({"kind": "error", "code": "418:teapot", "path": "/truelayer/api/*"})");
	EXPECT_EQ(data(token, "/accounts").status(), 418);
	control("truelayer/items/set", R"({"error": "invalid_credentials_key"})");
	EXPECT_EQ(data(token, "/accounts").status(), 403);
	control("truelayer/items/set", R"({"error": null})");
	EXPECT_EQ(data(token, "/accounts").status(), 200);
	const Json counts = control("requests").get("by_path");
	EXPECT_EQ(counts.integer_of("/truelayer/api/data/v1/accounts/{id}/balance"), 1);
}

TEST_F(TrueLayerData, TheLedgerAsTruth) {
	plain();
	add(R"({"transaction_id": "a", "description": "tab\tbed"}, {"transaction_id": "b", "pending": true}, {"transaction_id": "c"})");
	control("truelayer/transactions/remove", R"({"transaction_id": "c"})");
	const Json item = control("dump").get("truelayer").get("items").elements().front();
	std::string states;
	for (const Json &row : item.get("transactions").elements()) {
		states += row.get("transaction").text_of("transaction_id") + " " + row.text_of("state") + " " +
		          (row.truth_of("pending") ? "pending; " : "settled; ");
	}
	EXPECT_EQ(states, "a live settled; b live pending; c removed settled; ");
	Request request;
	request.path = "/_control/truelayer/rows";
	request.body = R"({"columns": ["transaction_id", "account_id", "pending", "description"]})";
	EXPECT_EQ(simulator_.handle(request).more(), "a\tacc\tfalse\ttab\\tbed\nb\tacc\ttrue\tCORNER BAKERY 3322\n");
	control("truelayer/transactions/generate", R"({"account_id": "card", "count": 500, "days": 30})");
	EXPECT_EQ(control("dump").get("truelayer").get("items").elements().front().get("transactions").elements().size(),
	          503U);
}

TEST_F(TrueLayerData, OddLedgers) {
	for (const char *name : {"signs", "amounts", "times", "nulls", "enums", "names", "ids", "duplicates"}) {
		const std::string token =
		    connect(std::string(R"({"username": "user_odd", "password": ")") + name + "\"}").text_of("access_token");
		for (const char *list : {"/accounts", "/cards"}) {
			for (const Json &account : results(token, list)) {
				results(token, list + ("/" + account.text_of("account_id")) + "/transactions");
			}
		}
	}
}

} // namespace
} // namespace ob::sandbox
