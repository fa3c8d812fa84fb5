// Response::header and retry_after.
#include <gtest/gtest.h>

#include "http/transport.hpp"

namespace ob::http {
namespace {

using namespace std::chrono_literals;

// Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples.
constexpr Timestamp kNow{std::chrono::seconds(784'111'777)};

std::optional<std::chrono::seconds> after(std::string value) {
	Response response;
	response.headers = {{"content-type", "x"}, {"retry-after", std::move(value)}};
	return response.retry_after(kNow);
}

TEST(Response, HeaderIsTheFirstOfItsName) {
	Response response;
	response.headers = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
	EXPECT_EQ(response.header("a"), "1");
	EXPECT_EQ(response.header("b"), "2");
	EXPECT_EQ(response.header("c"), "");
}

TEST(Response, RetryAfterInSeconds) {
	EXPECT_EQ(after("120"), 120s);
	EXPECT_EQ(after("0"), 0s);
}

TEST(Response, RetryAfterAsDate) {
	EXPECT_EQ(after("Sun, 06 Nov 1994 08:51:37 GMT"), 120s);
	EXPECT_EQ(after("Sunday, 06-Nov-94 08:51:37 GMT"), 120s);
	EXPECT_EQ(after("Sun Nov  6 08:51:37 1994"), 120s);
}

TEST(Response, RetryAfterIsNeverNegative) {
	EXPECT_EQ(after("Sun, 06 Nov 1994 08:00:00 GMT"), 0s);
}

TEST(Response, RetryAfterIsBounded) {
	EXPECT_EQ(after("99999999999999999999999"), 366 * 24h);
	EXPECT_EQ(after("9999999999999"), 366 * 24h);
	EXPECT_EQ(after("Fri, 31 Dec 9999 23:59:59 GMT"), 366 * 24h);
}

TEST(Response, RetryAfterNotUnderstood) {
	for (const char *value : {"", "-5", "1.5", "soon", "12 s", "0x10", "20251131", " ", "\xff"}) {
		if (std::string_view(value) == "20251131")
			EXPECT_EQ(after(value), 20'251'131s) << "digits are seconds, never a date";
		else
			EXPECT_EQ(after(value), std::nullopt) << '"' << value << '"';
	}
	EXPECT_EQ(Response().retry_after(kNow), std::nullopt);
}

} // namespace
} // namespace ob::http
