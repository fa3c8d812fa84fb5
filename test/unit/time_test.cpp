// ISO 8601: exactly what the format allows, every day of 9999 years.
#include "core/time.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace ob::time {
namespace {

using namespace std::chrono_literals;

TEST(Date, EveryDayComesBack) {
	const Date first = std::chrono::year(1) / 1 / 1;
	const Date last = std::chrono::year(9999) / 12 / 31;
	for (Date day = first; day <= last; day += std::chrono::days(1))
		ASSERT_EQ(parse_date(format_date(day)), day);
	EXPECT_EQ(format_date(first), "0001-01-01");
	EXPECT_EQ(format_date(last), "9999-12-31");
}

TEST(Date, KnownDays) {
	EXPECT_EQ(parse_date("1970-01-01"), Date{});
	EXPECT_EQ(parse_date("2024-02-29"), Date{std::chrono::days(19782)});
	EXPECT_EQ(parse_date("2000-02-29"), Date{std::chrono::days(11016)});
}

TEST(Date, RefusesTheRest) {
	for (std::string_view text :
	     {"",           "2024-1-01",   "2024-01-1",   "2024-13-01",  "2024-00-10",  "2024-01-00",
	      "2024-01-32", "2023-02-29",  "1900-02-29",  "2024-04-31",  "0000-01-01",  "20240101",
	      "2024/01/01", "2024-01-01 ", " 2024-01-01", "2024-01-01T", "+024-01-01",  "-024-01-01",
	      "2024-0a-01", "2024-01-0:",  "2024-01-0/",  "12024-01-01", "2024-01-01Z", "٢٠٢٤-٠١-٠١"})
		EXPECT_EQ(parse_date(text), std::nullopt) << text;
	EXPECT_EQ(parse_date(std::string_view("2024-01-0\0", 10)), std::nullopt);
}

TEST(Timestamp, IsUtcWhateverTheOffset) {
	const Timestamp noon = Date{std::chrono::year(2024) / 2 / 29} + 12h + 34min + 56s;
	for (std::string_view text : {"2024-02-29T12:34:56Z", "2024-02-29t12:34:56z", "2024-02-29 12:34:56Z",
	                              "2024-02-29T12:34:56+00:00", "2024-02-29T12:34:56-00:00", "2024-02-29T13:34:56+01:00",
	                              "2024-03-01T02:19:56+13:45", "2024-02-28T12:35:56-23:59", "2024-02-29T12:34:56.000Z"})
		EXPECT_EQ(parse_timestamp(text), noon) << text;
}

TEST(Timestamp, FractionsAreCutToMicroseconds) {
	const Timestamp second = Date{std::chrono::year(2024) / 1 / 1} + 0h;
	const std::pair<std::string_view, int> cases[] = {
	    {"2024-01-01T00:00:00.5Z", 500000},         {"2024-01-01T00:00:00.123456Z", 123456},
	    {"2024-01-01T00:00:00.123456789Z", 123456}, {"2024-01-01T00:00:00.999999999Z", 999999},
	    {"2024-01-01T00:00:00.0000009Z", 0},        {"2024-01-01T00:00:00.000001Z", 1},
	    {"2024-01-01T01:00:00.25+01:00", 250000},
	};
	for (const auto &[text, micros] : cases)
		EXPECT_EQ(parse_timestamp(text), second + std::chrono::microseconds(micros)) << text;
	const std::string many = "2024-01-01T00:00:00." + std::string(5000, '7') + "Z";
	EXPECT_EQ(parse_timestamp(many), second + 777777us);
}

TEST(Timestamp, ALeapSecondIsTheNextSecond) {
	EXPECT_EQ(parse_timestamp("2016-12-31T23:59:60Z"), parse_timestamp("2017-01-01T00:00:00Z"));
	EXPECT_EQ(parse_timestamp("2016-12-31T23:59:60.5Z"), parse_timestamp("2017-01-01T00:00:00.5Z"));
	EXPECT_EQ(parse_timestamp("2016-12-31T23:59:61Z"), std::nullopt);
}

TEST(Timestamp, RefusesTheRest) {
	for (std::string_view text : {"",
	                              "2024-01-01",
	                              "2024-01-01T00:00:00",
	                              "2024-01-01T00:00:00.5",
	                              "2024-01-01T00:00Z",
	                              "2024-01-01T24:00:00Z",
	                              "2024-01-01T00:60:00Z",
	                              "2024-01-01T00:00:00.Z",
	                              "2024-01-01T00:00:00,5Z",
	                              "2024-01-01T00:00:00 Z",
	                              "2024-01-01T00:00:00ZZ",
	                              "2024-01-01T00:00:00Z ",
	                              "2024-01-01T00:00:00+1:00",
	                              "2024-01-01T00:00:00+0100",
	                              "2024-01-01T00:00:00+01",
	                              "2024-01-01T00:00:00+24:00",
	                              "2024-01-01T00:00:00+01:60",
	                              "2024-01-01T00:00:00+01:000",
	                              "2024-01-01X00:00:00Z",
	                              "2024-01-01T0:00:00Z",
	                              "2024-01-01T00-00-00Z",
	                              "2023-02-29T00:00:00Z",
	                              "2024-01-01T-1:00:00Z",
	                              "2024-01-01T00:00:00UTC",
	                              "2024-01-01T00:00:00.1.2Z"})
		EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
}

TEST(Timestamp, OffsetsDoNotLeadOutOfTheCalendar) {
	EXPECT_EQ(parse_timestamp("0001-01-01T00:00:00+00:01"), std::nullopt);
	EXPECT_EQ(parse_timestamp("9999-12-31T23:59:59-00:01"), std::nullopt);
	EXPECT_EQ(parse_timestamp("9999-12-31T23:59:60Z"), std::nullopt);
	ASSERT_TRUE(parse_timestamp("9999-12-31T23:59:59.999999Z").has_value());
	EXPECT_EQ(format_timestamp(*parse_timestamp("9999-12-31T23:59:59.999999Z")), "9999-12-31T23:59:59.999999Z");
	EXPECT_EQ(format_timestamp(*parse_timestamp("0001-01-01T00:00:00Z")), "0001-01-01T00:00:00Z");
}

TEST(Timestamp, TheDayIsTheOneOfItsOwnOffset) {
	EXPECT_EQ(parse_timestamp_day("2024-03-01T00:30:00+05:00"), parse_date("2024-03-01"));
	EXPECT_EQ(parse_timestamp_day("2024-02-29T23:30:00-05:00"), parse_date("2024-02-29"));
	EXPECT_EQ(parse_timestamp_day("2024-02-29T23:30:00"), std::nullopt);
	EXPECT_EQ(parse_timestamp_day("2024-02-29"), std::nullopt);
}

TEST(Timestamp, Formats) {
	const Timestamp time = Date{std::chrono::year(2024) / 2 / 29} + 23h + 59min + 59s;
	EXPECT_EQ(format_timestamp(time), "2024-02-29T23:59:59Z");
	EXPECT_EQ(format_timestamp(time + 500ms), "2024-02-29T23:59:59.5Z");
	EXPECT_EQ(format_timestamp(time + 1us), "2024-02-29T23:59:59.000001Z");
	const Timestamp before_1970 = Timestamp{} - 1us;
	EXPECT_EQ(format_timestamp(before_1970), "1969-12-31T23:59:59.999999Z");
	EXPECT_EQ(parse_timestamp(format_timestamp(before_1970)), before_1970);
}

} // namespace
} // namespace ob::time
