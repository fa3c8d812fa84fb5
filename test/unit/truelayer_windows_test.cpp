// Which days of an account are asked for, and what a bank that shows fewer makes of it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/time.hpp"
#include "providers/truelayer/windows.hpp"
#include "unit/support/truelayer_session.hpp"

namespace ob::providers::truelayer {
namespace {

using std::chrono::days;
using test::caught;
using test::results;
using test::run_task;
using test::truelayer_error;
using test::TrueLayerSession;

constexpr auto kRows = "/data/v1/accounts/{account_id}/transactions";
constexpr auto kPending = "/data/v1/accounts/{account_id}/transactions/pending";

std::string row(const std::string &day, const std::string &id = {}, const std::string &amount = "-1") {
	return R"({"timestamp":")" + day + R"(T00:00:00","amount":)" + amount +
	       R"(,"currency":"GBP","transaction_type":"DEBIT","description":"d")" +
	       (id.empty() ? "" : R"(,"normalised_provider_transaction_id":")" + id + "\"") + "}";
}

/// Today is 2026-03-10.
struct Bank : TrueLayerSession {
	Date today() const { return std::chrono::floor<days>(clock.now()); }
	AccountWindow window(int back, int ahead = 0) const {
		AccountWindow window;
		window.account.id = "a1";
		window.account.type = "checking";
		window.from = today() - days(back);
		window.to = today() + days(ahead);
		return window;
	}
	/// Reads to the end.
	Shown read(int back, int ahead = 0) {
		const auto reader = provider.read_account(session(), credentials(), window(back, ahead));
		while (auto page = run_task(reader->next())) {
			for (const Transaction &row : page->rows)
				rows.emplace_back(row.id);
			pages.push_back(std::move(*page));
		}
		return reader->shown();
	}
	/// Days back from today that a call asked for.
	std::vector<long> asked() const {
		std::vector<long> asked;
		for (const test::SentRequest &request : transport.requests) {
			const std::size_t at = request.url.find("from=");
			if (at != std::string::npos)
				asked.push_back((today() - *time::parse_date(request.url.substr(at + 5, 10))).count());
		}
		return asked;
	}
	void refuse(int times, int status, const char *code) {
		for (int i = 0; i < times; ++i)
			transport.answer(kRows, status, truelayer_error(code));
	}
	std::vector<std::string> rows;
	std::vector<TransactionPage> pages;
};

TEST(TrueLayerWindow, BothDaysAreAlwaysSent) {
	Bank bank;
	bank.transport.answer(kRows, results(row("2026-03-01", "n1")));
	const Shown shown = bank.read(20);
	EXPECT_EQ(bank.transport.requests.at(0).url,
	          "https://api.truelayer-sandbox.com/data/v1/accounts/a1/transactions?from=2026-02-18&to=2026-03-10");
	EXPECT_TRUE(shown.at_all);
	EXPECT_FALSE(shown.from);
	EXPECT_EQ(bank.rows, std::vector<std::string>{"n1"});
}

TEST(TrueLayerWindow, NeverADayToCome) {
	Bank bank;
	bank.transport.answer(kRows, results(""));
	bank.read(20, 5);
	EXPECT_NE(bank.transport.requests.at(0).url.find("&to=2026-03-10"), std::string::npos);
	EXPECT_TRUE(bank.read(-1, 5).at_all);
	EXPECT_EQ(bank.transport.requests.size(), 1u) << "a window that has not begun is empty";
}

TEST(TrueLayerWindow, LaterAtMost88Days) {
	Bank bank;
	bank.transport.answer(kRows, results("")).answer(kRows, results(""));
	EXPECT_EQ(bank.read(2190).from, bank.today() - days(88));
	bank.authenticated_at = bank.clock.now() - std::chrono::minutes(5);
	EXPECT_EQ(bank.read(2190).from, bank.today() - days(88));
	EXPECT_EQ(bank.asked(), (std::vector<long>{88, 88}));
}

TEST(TrueLayerWindow, RightAfterTheLoginAllOfIt) {
	Bank bank;
	bank.log_in();
	bank.transport.answer(kRows, results(row("2021-01-01", "n1")));
	EXPECT_FALSE(bank.read(2190).from);
	EXPECT_EQ(bank.asked(), std::vector<long>{2190});
}

TEST(TrueLayerWindow, ARefusedRangeIsMadeShorter) {
	for (const auto &[status, code] : {std::pair{400, "invalid_date_range"}, std::pair{403, "access_denied"}}) {
		Bank bank;
		bank.log_in();
		bank.refuse(3, status, code);
		bank.transport.answer(kRows, results(row("2026-01-01", "n1")));
		const Shown shown = bank.read(2190);
		EXPECT_EQ(bank.asked(), (std::vector<long>{2190, 1825, 730, 365})) << code;
		EXPECT_EQ(shown.from, bank.today() - days(365));
		EXPECT_TRUE(shown.at_all);
		EXPECT_EQ(bank.rows.size(), 1u);
	}
}

TEST(TrueLayerWindow, TheLadderBeginsBelowWhatWasAskedFor) {
	Bank bank;
	bank.log_in();
	bank.refuse(3, 400, "invalid_date_range");
	bank.transport.answer(kRows, results(""));
	bank.read(400);
	EXPECT_EQ(bank.asked(), (std::vector<long>{400, 365, 90, 88}));
}

TEST(TrueLayerWindow, AnEndedProofOfPresenceLeaves88Days) {
	Bank bank;
	bank.log_in();
	bank.refuse(1, 403, "sca_exceeded");
	bank.transport.answer(kRows, results(""));
	EXPECT_EQ(bank.read(2190).from, bank.today() - days(88));
	EXPECT_EQ(bank.asked(), (std::vector<long>{2190, 88}));
}

TEST(TrueLayerWindow, AShortRangeDeniedIsTheConsentsEnd) {
	Bank bank;
	bank.refuse(1, 403, "access_denied");
	EXPECT_EQ(caught([&] { bank.read(88); }).code(), ErrorCode::reauth_required);
	EXPECT_EQ(bank.asked().size(), 1u);
	Bank deep;
	deep.log_in();
	deep.refuse(6, 403, "access_denied");
	EXPECT_EQ(caught([&] { deep.read(2190); }).code(), ErrorCode::reauth_required);
	EXPECT_EQ(deep.asked(), (std::vector<long>{2190, 1825, 730, 365, 90, 88}));
}

TEST(TrueLayerWindow, WhatOneAccountDoesNotShowLeavesTheOthersBe) {
	for (const auto &[status, code] : {std::pair{404, "account_not_found"}, std::pair{501, "endpoint_not_supported"},
	                                   std::pair{403, "sca_exceeded"}}) {
		Bank bank;
		bank.refuse(1, status, code);
		EXPECT_FALSE(bank.read(30).at_all) << code;
	}
}

TEST(TrueLayerWindow, OtherRefusalsStopTheLadder) {
	for (const auto &[status, code] :
	     {std::pair{401, "invalid_token"}, std::pair{429, "provider_request_limit_exceeded"},
	      std::pair{503, "provider_error"}, std::pair{403, "invalid_credentials_key"}}) {
		Bank bank;
		bank.log_in();
		bank.refuse(1, status, code);
		caught([&] { bank.read(2190); });
		EXPECT_EQ(bank.asked(), std::vector<long>{2190}) << code;
	}
}

TEST(TrueLayerWindow, AnAnswerThatIsTooLargeIsReadInParts) {
	Bank bank;
	bank.transport.fail(kRows, ErrorCode::limit_exceeded);
	// Each part is asked for with a day of the other, and gives its own rows only.
	bank.transport.answer(kRows, results(row("2026-02-28") + "," + row("2026-03-05") + "," + row("2026-03-06")));
	bank.transport.answer(kRows, results(row("2026-03-05") + "," + row("2026-03-06") + "," + row("2026-03-07")));
	bank.read(10);
	ASSERT_EQ(bank.pages.size(), 2u);
	EXPECT_EQ(bank.pages[0].rows.size(), 2u);
	EXPECT_EQ(bank.pages[1].rows.size(), 2u);
	EXPECT_NE(bank.transport.requests.at(1).url.find("from=2026-02-28&to=2026-03-06"), std::string::npos);
	EXPECT_NE(bank.transport.requests.at(2).url.find("from=2026-03-05&to=2026-03-10"), std::string::npos);
	Bank refused;
	refused.log_in();
	refused.transport.fail(kRows, ErrorCode::limit_exceeded);
	refused.refuse(1, 403, "access_denied");
	refused.transport.answer(kRows, results(row("2026-03-05")));
	const Shown shown = refused.read(200);
	EXPECT_EQ(refused.asked(), (std::vector<long>{200, 200, 100})) << "the older part is not shown, the later one is";
	EXPECT_EQ(shown.from, refused.today() - days(99));
	EXPECT_EQ(refused.rows.size(), 1u);
	Bank single;
	single.transport.fail(kRows, ErrorCode::limit_exceeded);
	EXPECT_EQ(caught([&] { single.read(2); }).code(), ErrorCode::limit_exceeded);
}

bool signs_contradict(const std::string &rows) {
	Bank bank;
	bank.transport.answer(kRows, results(rows));
	const auto reader = bank.provider.read_account(bank.session(), bank.credentials(), bank.window(10));
	while (run_task(reader->next()))
		;
	return reader->signs_contradict();
}

std::string row_with_balance(const std::string &balance) {
	std::string json = row("2026-03-01");
	return json.insert(json.size() - 1, R"(,"running_balance":{"amount":)" + balance + R"(,"currency":"GBP"})");
}

TEST(TrueLayerWindow, TellsOfContradictorySigns) {
	EXPECT_FALSE(signs_contradict(row("2026-03-01", "n1", "-1")));
	EXPECT_TRUE(signs_contradict(row("2026-03-01", "n1", "1")));
	EXPECT_FALSE(signs_contradict(row_with_balance("9") + "," + row("2026-03-01", {}, "-5")));
	const std::string spent =
	    R"(,{"timestamp":"2026-03-01T00:00:00","amount":-5,"currency":"GBP","transaction_type":"DEBIT",)";
	EXPECT_FALSE(
	    signs_contradict(row_with_balance("9") + spent + R"("running_balance":{"amount":10,"currency":"GBP"}})"));
	EXPECT_TRUE(signs_contradict(row_with_balance("9") + spent + R"("running_balance":{"amount":8,"currency":"GBP"}})"))
	    << "it has become more by what was spent";
}

TEST(TrueLayerWindow, AnIdThatSeveralRowsShareIsNone) {
	Bank bank;
	bank.transport.answer(kRows, results(row("2026-03-01", "n1") + "," + row("2026-03-01", "n1") + "," +
	                                     row("2026-03-02", "n2") + "," + row("2026-03-02", "n2", "-7")));
	bank.read(20);
	EXPECT_EQ(bank.rows, (std::vector<std::string>{"n1", "n1", "", ""})) << "n1 is one row that came twice";
}

TEST(TrueLayerWindow, CardsHaveTheirOwnPathAndSign) {
	Bank bank;
	AccountWindow window = bank.window(10);
	window.account.type = "credit_card";
	bank.transport.answer("/data/v1/cards/{account_id}/transactions", results(row("2026-03-01", "n1", "24.25")));
	const auto reader = bank.provider.read_account(bank.session(), bank.credentials(), window);
	EXPECT_EQ(run_task(reader->next()).value().rows.at(0).amount, "-24.25");
}

TEST(TrueLayerWindow, OptionsSayHowFar) {
	Bank bank;
	EXPECT_EQ(bank.provider.window_days(*bank.server).history, 2190);
	EXPECT_EQ(bank.provider.window_days(*bank.server).overlap, 10);
	bank.option("history_days", "365").option("overlap_days", "14").option("deep_history_for", "1 h");
	EXPECT_EQ(bank.provider.window_days(*bank.server).history, 365);
	EXPECT_EQ(bank.provider.window_days(*bank.server).overlap, 14);
	bank.authenticated_at = bank.clock.now() - std::chrono::minutes(59);
	bank.transport.answer(kRows, results(""));
	EXPECT_FALSE(bank.read(365).from);
}

// ---- pending sets ----

TEST(TrueLayerPending, IsOneCompleteSet) {
	Bank bank;
	bank.transport.answer(kPending, results(row("2026-03-10")));
	const auto reader = bank.provider.read_pending(bank.session(), bank.credentials(), bank.window(0).account);
	const auto page = run_task(reader->next());
	EXPECT_TRUE(page->rows.at(0).pending);
	EXPECT_FALSE(run_task(reader->next()));
	EXPECT_TRUE(reader->shown().at_all);
	EXPECT_EQ(bank.transport.requests.at(0).url.find('?'), std::string::npos) << "days are not sent there";
}

TEST(TrueLayerPending, NotEveryBankHasIt) {
	for (const auto &[status, code] : {std::pair{403, "access_denied"}, std::pair{404, "account_not_found"},
	                                   std::pair{501, "endpoint_not_supported"}, std::pair{403, "sca_exceeded"}}) {
		Bank bank;
		bank.transport.answer(kPending, status, truelayer_error(code));
		const auto reader = bank.provider.read_pending(bank.session(), bank.credentials(), bank.window(0).account);
		EXPECT_FALSE(run_task(reader->next())) << code;
		EXPECT_FALSE(reader->shown().at_all) << "which is not an empty set";
	}
}

// ---- live ----

struct Live : Bank {
	Live() { transport.answer("/data/v1/accounts", results(R"({"account_id":"a1"},{"account_id":"a2"})")); }
	std::vector<std::string> scan(Window window) {
		std::vector<std::string> ids;
		const auto reader = provider.read_window(session(), credentials(), std::move(window));
		while (auto page = run_task(reader->next()))
			for (const Transaction &row : page->rows)
				ids.push_back(std::string(row.account_id) + ":" + std::string(row.id) +
				              (row.pending ? ":pending" : ""));
		return ids;
	}
};

TEST(TrueLayerLive, ReadsEachAccount) {
	Live bank;
	bank.transport.answer(kPending, results(row("2026-03-09", "p1"))).answer(kPending, results(""));
	bank.transport.answer(kRows, results(row("2026-03-01", "n1"))).answer(kRows, results(row("2026-03-02", "n2")));
	EXPECT_EQ(bank.scan({}), (std::vector<std::string>{"a1:p1:pending", "a1:n1", "a2:n2"}));
	EXPECT_EQ(bank.asked(), (std::vector<long>{88, 88}));
}

TEST(TrueLayerLive, DaysAreThoseOfTheQuery) {
	Live bank;
	bank.log_in();
	bank.transport.answer(kPending, results(row("2026-03-09", "p1") + "," + row("2026-02-01", "p2")));
	bank.transport.answer(kRows, results(row("2025-09-01", "n1")));
	Window window;
	window.from = *time::parse_date("2025-08-01");
	window.to = *time::parse_date("2026-02-28");
	window.account_ids = {"a2"};
	EXPECT_EQ(bank.scan(window), (std::vector<std::string>{"a2:p2:pending", "a2:n1"}));
	EXPECT_TRUE(
	    bank.transport.requests.back().url.ends_with("/accounts/a2/transactions?from=2025-08-01&to=2026-02-28"));
}

TEST(TrueLayerLive, DaysThatNobodyNamesAreAlwaysTheSame) {
	Live bank;
	bank.log_in();
	bank.transport.answer(kPending, results("")).answer(kPending, results(""));
	bank.transport.answer(kRows, results("")).answer(kRows, results(""));
	bank.scan({});
	EXPECT_EQ(bank.asked(), (std::vector<long>{88, 88})) << "more might be refused";
	Window window;
	window.to = bank.today() - days(89);
	EXPECT_EQ(caught([&] { bank.scan(window); }).code(), ErrorCode::refused);
}

TEST(TrueLayerLive, DaysThatAreNotShownAreAnError) {
	for (const auto &[status, code] :
	     {std::pair{400, "invalid_date_range"}, std::pair{403, "access_denied"}, std::pair{403, "sca_exceeded"}}) {
		Live bank;
		bank.log_in();
		bank.transport.answer(kPending, results(""));
		bank.refuse(1, status, code);
		Window window;
		window.from = bank.today() - days(400);
		try {
			bank.scan(window);
			ADD_FAILURE() << code;
		} catch (const ProviderError &error) {
			EXPECT_EQ(error.reaction(), Reaction::permanent) << "it says nothing of the connection";
			EXPECT_NE(error.hint().find("88 days"), std::string::npos);
		}
	}
}

TEST(TrueLayerLive, MoreDaysThanABankShowsAreNotAskedFor) {
	Live bank;
	Window window;
	window.from = bank.today() - days(89);
	const Error error = caught([&] { bank.scan(window); });
	EXPECT_EQ(error.code(), ErrorCode::refused);
	EXPECT_NE(error.hint().find("88 days"), std::string::npos);
	EXPECT_TRUE(bank.transport.requests.empty()) << "some banks would say nothing, and show fewer";
	bank.transport.answer(kPending, results("")).answer(kPending, results(""));
	bank.transport.answer(kRows, results("")).answer(kRows, results(""));
	window.from = bank.today() - days(88);
	bank.scan(window);
	EXPECT_EQ(bank.asked(), (std::vector<long>{88, 88}));
}

TEST(TrueLayerLive, NothingIsHeldBehindThePageThatTellsItsBytes) {
	Live bank;
	const std::string rows = results(row("2026-03-01", "n1")), pending = results(row("2026-03-09", "p1"));
	bank.transport.answer(kPending, pending).answer(kPending, pending);
	bank.transport.answer(kRows, rows).answer(kRows, rows);
	const auto reader = bank.provider.read_window(bank.session(), bank.credentials(), {});
	EXPECT_EQ(run_task(reader->next()).value().bytes, 2 * (rows.size() + pending.size())) << "read at once";
	EXPECT_FALSE(run_task(reader->next()));
}

TEST(TrueLayerLive, RowsWithoutAnIdGetOne) {
	Live bank;
	bank.transport.answer(kPending, results("")).answer(kPending, results(""));
	bank.transport.answer(kRows, results(row("2026-03-01") + "," + row("2026-03-01") + "," + row("2026-03-02")));
	bank.transport.answer(kRows, results(row("2026-03-01")));
	const std::vector<std::string> ids = bank.scan({});
	ASSERT_EQ(ids.size(), 4u);
	EXPECT_TRUE(ids[0].starts_with("a1:content-"));
	EXPECT_TRUE(ids[0].ends_with("-1"));
	EXPECT_EQ(ids[1], ids[0].substr(0, ids[0].size() - 1) + "2");
	EXPECT_EQ(ids[3].substr(3), ids[0].substr(3)) << "of another account";
}

TEST(TrueLayerLive, AnAccountThatIsNotThereIsNotFound) {
	Live bank;
	Window window;
	window.account_ids = {"a3"};
	EXPECT_EQ(caught([&] { bank.scan(window); }).code(), ErrorCode::not_found);
}

} // namespace
} // namespace ob::providers::truelayer
