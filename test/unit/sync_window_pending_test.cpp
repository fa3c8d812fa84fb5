// What a pending transaction has become, and what it has not.
#include <gtest/gtest.h>

#include "core/time.hpp"
#include "sync/window_pending.hpp"

namespace ob::sync {
namespace {

Transaction make(std::string_view id, std::string_view amount, std::string_view date, std::string_view description,
                 std::string_view currency = "EUR") {
	Transaction row;
	row.id = id;
	row.amount = amount;
	row.date = *time::parse_date(date);
	row.description = description;
	row.currency = currency;
	return row;
}

using Pairs = std::map<std::string, std::string>; // posted, pending

Pairs pairs(const std::vector<Transaction> &gone, const std::vector<Transaction> &came) {
	PendingMatch match;
	for (const Transaction &row : gone)
		match.add_gone(LooseRow(row));
	for (const Transaction &row : came)
		match.add_new(row);
	Pairs found;
	match.each_pair([&](const std::string &posted, const std::string &pending) { found.emplace(posted, pending); });
	return found;
}

const Transaction kPending = make("p", "-12.30", "2026-03-10", "TESCO STORES 3345");

TEST(PendingMatch, LinksTheOneThatFits) {
	EXPECT_EQ(pairs({kPending}, {make("q", "-12.30", "2026-03-12", "TESCO STORES 3345 LONDON")}), (Pairs{{"q", "p"}}));
	EXPECT_EQ(pairs({kPending}, {make("q", "-12.3", "2026-03-10", "Tesco Stores 9921")}), (Pairs{{"q", "p"}}))
	    << "as the number it is, in other letters";
	EXPECT_EQ(pairs({kPending}, {make("q", "-12.30", "2026-03-09", "TESCO STORES")}), (Pairs{{"q", "p"}}))
	    << "a time zone away";
	EXPECT_EQ(pairs({kPending}, {make("q", "-12.30", "2026-03-17", "TESCO STORES", "")}), (Pairs{{"q", "p"}}))
	    << "without a currency";
}

TEST(PendingMatch, LinksNothingElse) {
	EXPECT_EQ(pairs({kPending}, {make("q", "-12.31", "2026-03-10", "TESCO STORES 3345")}), Pairs());
	EXPECT_EQ(pairs({kPending}, {make("q", "12.30", "2026-03-10", "TESCO STORES 3345")}), Pairs());
	EXPECT_EQ(pairs({kPending}, {make("q", "-12.30", "2026-03-10", "TESCO STORES 3345", "GBP")}), Pairs());
	EXPECT_EQ(pairs({kPending}, {make("q", "-12.30", "2026-03-18", "TESCO STORES 3345")}), Pairs());
	EXPECT_EQ(pairs({kPending}, {make("q", "-12.30", "2026-03-08", "TESCO STORES 3345")}), Pairs());
	EXPECT_EQ(pairs({kPending}, {make("q", "-12.30", "2026-03-10", "SAINSBURYS 3345")}), Pairs());
	EXPECT_EQ(pairs({}, {make("q", "-12.30", "2026-03-10", "TESCO STORES 3345")}), Pairs());
	EXPECT_EQ(pairs({kPending}, {}), Pairs());
}

TEST(PendingMatch, LinksNothingThatIsAmbiguous) {
	const Transaction posted = make("q", "-12.30", "2026-03-11", "TESCO STORES");
	Transaction twin = kPending;
	twin.id = "p2";
	EXPECT_EQ(pairs({kPending, twin}, {posted}), Pairs()) << "two may have become one";
	Transaction second = posted;
	second.id = "q2";
	EXPECT_EQ(pairs({kPending}, {posted, second}), Pairs()) << "one may have become two";
	EXPECT_EQ(pairs({kPending, twin}, {posted, second}), Pairs());
	EXPECT_EQ(pairs({kPending}, {posted, posted}), (Pairs{{"q", "p"}})) << "the same one, come twice";
	// A chain: q2 fits p2 alone, but q fits both, so p may be either's.
	twin.date = *time::parse_date("2026-03-16");
	second.date = *time::parse_date("2026-03-20");
	Transaction middle = posted;
	middle.date = *time::parse_date("2026-03-15");
	EXPECT_EQ(pairs({kPending, twin}, {middle, second}), Pairs());
	EXPECT_EQ(pairs({kPending, twin}, {posted, second}), (Pairs{{"q", "p"}, {"q2", "p2"}})) << "each has its own";
}

TEST(PendingMatch, TheMerchantIsEnough) {
	Transaction pending = make("p", "-5", "2026-03-10", "AUTH 99");
	Transaction posted = make("q", "-5", "2026-03-11", "PURCHASE CARD");
	EXPECT_EQ(pairs({pending}, {posted}), Pairs());
	pending.merchant_name = posted.merchant_name = "Blue Bottle";
	EXPECT_EQ(pairs({pending}, {posted}), (Pairs{{"q", "p"}}));
}

TEST(PendingMatch, Alike) {
	EXPECT_TRUE(alike("STARBUCK", "Starbucks 12 Berlin"));
	EXPECT_TRUE(alike("paypal *spotify", "SPOTIFY AB PAYPAL 4029357733"));
	EXPECT_TRUE(alike("مقهى", "مقهى 12"));
	EXPECT_TRUE(alike("1234", "1234"));
	EXPECT_TRUE(alike("", ""));
	EXPECT_FALSE(alike("", "TESCO"));
	EXPECT_FALSE(alike("1234", "1235"));
	EXPECT_FALSE(alike("1234", "TESCO 1234"));
	EXPECT_FALSE(alike("THE BAR", "THE BARBER")) << "three letters are no stem";
	EXPECT_FALSE(alike("CARD PAYMENT TESCO", "CARD PAYMENT SHELL"));
}

} // namespace
} // namespace ob::sync
