// Which days are read next, and what is remembered of it.
#include <gtest/gtest.h>

#include "core/time.hpp"
#include "sync/window_plan.hpp"

namespace ob::sync {
namespace {

constexpr providers::WindowDays kDays{90, 10};

Date day(std::string_view text) {
	return *time::parse_date(text);
}

struct Case {
	const char *name;
	std::optional<ReadSpan> span;
	bool full;
	bool pending_within;
	const char *from;
	const char *sure_from;
	const char *stored_from;
};

class WindowPlanCases : public testing::TestWithParam<Case> {};

TEST_P(WindowPlanCases, EndToday) {
	const Case &expected = GetParam();
	const Date today = day("2026-03-31");
	const WindowPlan plan =
	    plan_window(expected.span ? &*expected.span : nullptr, kDays, today, expected.full, expected.pending_within);
	EXPECT_EQ(time::format_date(plan.to), "2026-03-31");
	EXPECT_EQ(time::format_date(plan.from), expected.from);
	EXPECT_EQ(time::format_date(plan.sure_from), expected.sure_from);
	EXPECT_EQ(time::format_date(plan.stored_from), expected.stored_from);
	EXPECT_EQ(plan.first, !expected.span);
}

const ReadSpan kYesterday{day("2025-12-01"), day("2026-03-30"), {}};
const ReadSpan kPending{day("2025-12-01"), day("2026-03-30"), day("2026-02-14")};

INSTANTIATE_TEST_SUITE_P(
    Cases, WindowPlanCases,
    testing::Values(
        Case{"the first one", {}, false, true, "2025-12-31", "2026-04-01", "2025-12-31"},
        Case{"the first one, full", {}, true, true, "2025-12-31", "2026-04-01", "2025-12-31"},
        Case{"a later one", kYesterday, false, true, "2026-03-20", "2026-03-21", "2026-03-20"},
        Case{"a later one, full", kYesterday, true, true, "2025-12-31", "2026-03-21", "2025-12-31"},
        Case{"an old pending row", kPending, false, true, "2026-02-14", "2026-03-21", "2026-02-14"},
        Case{"an old pending row, read apart", kPending, false, false, "2026-03-20", "2026-03-21", "2026-02-14"},
        Case{"after a long time", ReadSpan{day("2025-01-01"), day("2025-12-31"), {}}, false, true, "2025-12-21",
             "2026-03-21", "2025-12-21"},
        Case{"full, after a longer time than the history", ReadSpan{day("2025-01-01"), day("2025-12-31"), {}}, true,
             true, "2025-12-21", "2026-03-21", "2025-12-21"},
        Case{"no further back than ever", ReadSpan{day("2026-03-28"), day("2026-03-30"), {}}, false, true, "2026-03-28",
             "2026-03-28", "2026-03-28"},
        Case{"the clock was set back", ReadSpan{day("2026-01-01"), day("2026-06-01"), {}}, false, true, "2026-03-21",
             "2026-03-21", "2026-03-21"},
        Case{"the clock was set back beyond all", ReadSpan{day("2026-05-01"), day("2026-06-01"), {}}, false, true,
             "2026-03-31", "2026-03-31", "2026-03-31"}),
    [](const auto &tested) {
	    std::string name = tested.param.name;
	    for (char &c : name)
		    if (c == ' ' || c == ',')
			    c = '_';
	    return name;
    });

TEST(WindowSpan, GrowsByWhatWasShown) {
	const Date today = day("2026-03-31");
	const WindowPlan first = plan_window(nullptr, kDays, today, false, true);
	const ReadSpan young = extended_span(nullptr, first, day("2026-03-01"), {});
	EXPECT_EQ(young, (ReadSpan{day("2026-03-01"), today, {}})) << "the bank showed fewer days";
	EXPECT_EQ(extended_span(nullptr, first, day("2025-01-01"), {}).from, first.from) << "or more than it was asked for";

	const WindowPlan later = plan_window(&young, kDays, day("2026-04-02"), false, true);
	EXPECT_EQ(extended_span(&young, later, {}, day("2026-04-01")),
	          (ReadSpan{day("2026-03-01"), day("2026-04-02"), day("2026-04-01")}));
	const WindowPlan full = plan_window(&young, kDays, day("2026-04-02"), true, true);
	EXPECT_EQ(extended_span(&young, full, {}, {}).from, day("2026-01-02")) << "a full reading may reach further back";
}

struct GapCase {
	std::optional<Gap> before;
	const char *shown_from;
	std::optional<Gap> after;
};

TEST(WindowSpan, DaysThatWereNotShownAnyMoreAreAGap) {
	const Gap old{day("2025-03-01"), day("2025-04-30")};
	for (const GapCase &expected : std::initializer_list<GapCase>{
	         {{}, "2025-12-22", {}},
	         {{}, "2026-01-01", {}},
	         {{}, "2026-01-02", Gap{day("2026-01-01"), day("2026-01-01")}},
	         {{}, "2026-02-02", Gap{day("2026-01-01"), day("2026-02-01")}},
	         {old, "2025-12-22", old},
	         {old, "2025-04-01", Gap{day("2025-03-01"), day("2025-03-31")}},
	         {old, "2025-03-01", {}},
	         {old, "2024-01-01", {}},
	         {old, "2026-02-02", Gap{day("2025-03-01"), day("2026-02-01")}},
	     }) {
		const ReadSpan before{day("2024-01-01"), day("2025-12-31"), {}, expected.before};
		WindowPlan plan;
		plan.from = day("2024-01-01");
		plan.to = day("2026-05-01");
		const ReadSpan after = extended_span(&before, plan, day(expected.shown_from), {});
		EXPECT_EQ(after, (ReadSpan{day("2024-01-01"), day("2026-05-01"), {}, expected.after})) << expected.shown_from;
	}
}

TEST(WindowSpan, WhatALoginMayBring) {
	const Date today = day("2026-03-31");
	EXPECT_FALSE(lacks_history({today - std::chrono::days(90), today, {}}, kDays, today));
	EXPECT_TRUE(lacks_history({today - std::chrono::days(89), today, {}}, kDays, today));
	EXPECT_TRUE(lacks_history({today - std::chrono::days(900), today, {}, Gap{today, today}}, kDays, today));
}

TEST(WindowSpans, AreKeptAsText) {
	ReadSpans spans;
	spans.set("plain", {day("2026-01-01"), day("2026-03-31"), {}});
	spans.set("with blanks\nand 2026-01-01 lines\n", {day("2025-01-01"), day("2026-03-30"), day("2026-03-02")});
	spans.set("", {day("2024-02-29"), day("2026-03-30"), {}});
	const ReadSpans back(spans.to_text());
	EXPECT_EQ(back.to_text(), spans.to_text());
	EXPECT_EQ(*back.find("plain"), *spans.find("plain"));
	EXPECT_EQ(back.find("with blanks\nand 2026-01-01 lines\n")->oldest_pending, day("2026-03-02"));
	EXPECT_EQ(back.find("")->from, day("2024-02-29"));
	EXPECT_EQ(back.find("other"), nullptr);
	EXPECT_EQ(back.all_read_since(), day("2026-01-01")) << "where the shortest history begins";
	EXPECT_EQ(ReadSpans("").all_read_since(), std::nullopt);
	EXPECT_EQ(ReadSpans("").to_text(), "windows 2\n");
	EXPECT_FALSE(spans.have_gap());
	spans.set("gappy", {day("2024-01-01"), day("2026-03-31"), {}, Gap{day("2025-06-01"), day("2026-01-31")}});
	EXPECT_EQ(*ReadSpans(spans.to_text()).find("gappy"), *spans.find("gappy"));
	EXPECT_EQ(spans.all_read_since(), day("2026-02-01")) << "or where the last gap ends";
	EXPECT_TRUE(spans.have_gap());
}

TEST(WindowSpans, AnythingElseIsNothingRead) {
	const std::string good = "windows 2\n2026-01-01 2026-03-31 - - - 3 acc\n";
	ASSERT_NE(ReadSpans(good).find("acc"), nullptr);
	for (const std::string &text :
	     {std::string("CURSOR"), std::string("windows 3\n2026-01-01 2026-03-31 - - - 3 acc\n"),
	      std::string("windows 1\n2026-01-01 2026-03-31 - 3 acc\n"), good + "2026-01-01 2026-03-31 - - - 4 acc\n",
	      good + "2026-01-01 2026-03-31 - - - x acc\n", good + "2026-01-01 2026-03-31 - - -  acc\n",
	      good + "2026-01-01 2026-13-31 - - - 3 acc\n", good + "2026-01-01 2026-03-31 + - - 3 acc\n",
	      good + "2026-01-01 2026-03-31 - 2026-02-01 - 3 acc\n", good + "2026-01-01", good.substr(0, good.size() - 1)})
		EXPECT_EQ(ReadSpans(text).find("acc"), nullptr) << text;
}

TEST(WindowSpans, FollowAnAccountThatIsCalledOtherwise) {
	ReadSpans spans;
	spans.set("old", {day("2026-01-01"), day("2026-03-31"), {}});
	spans.rename("old", "new");
	spans.rename("unknown", "other");
	EXPECT_EQ(spans.find("old"), nullptr);
	EXPECT_EQ(spans.find("new")->to, day("2026-03-31"));
	EXPECT_EQ(spans.find("other"), nullptr);
}

} // namespace
} // namespace ob::sync
