// Rows without an id keep the one they are given, and those that are alike keep theirs apart.
#include <gtest/gtest.h>

#include "core/time.hpp"
#include "providers/row_identity.hpp"
#include "sync/window_unnamed.hpp"

namespace ob::sync {
namespace {

Transaction coffee() {
	Transaction row;
	row.amount = "-2.50";
	row.currency = "EUR";
	row.description = "COFFEE";
	row.date = *time::parse_date("2026-03-09");
	return row;
}

/// Number and version of a stored row.
using Stored = std::pair<int, std::uint64_t>;

/// What comes of coffees of these versions: their numbers with + for stored ones, = for settled ones; then the numbers
/// of the stored ones that are left over.
std::string assigned(UnnamedRows &rows, const std::vector<Stored> &stored, const std::vector<std::uint64_t> &came) {
	const std::string key = providers::content_key(coffee());
	const auto number = [&](const std::string &id) { return id.substr(key.size()); };
	rows.begin_meeting();
	for (const auto &[n, version] : stored) {
		const std::string id = key + std::to_string(n);
		Transaction row = coffee();
		row.id = id;
		EXPECT_TRUE(rows.meet(row, version));
	}
	std::string left;
	for (const LooseRow &row : rows.assign())
		left += " -" + number(row.id);
	rows.begin_pass();
	std::string text;
	for (const std::uint64_t version : came) {
		const UnnamedRows::Came &row = rows.take(coffee(), version);
		text += (text.empty() ? "" : " ") + number(row.id) + (row.settled ? "=" : row.stored ? "+" : "");
		EXPECT_TRUE(rows.has_come(row.id));
	}
	return text + left;
}

std::string assigned(const std::vector<Stored> &stored, const std::vector<std::uint64_t> &came) {
	UnnamedRows rows;
	for (const std::uint64_t version : came)
		rows.note(coffee(), version);
	return assigned(rows, stored, came);
}

TEST(UnnamedRows, AreNumbered) {
	EXPECT_EQ(assigned({}, {7}), "1");
	EXPECT_EQ(assigned({}, {7, 7, 9}), "1 2 3");
	EXPECT_EQ(assigned({{1, 7}, {2, 7}}, {7, 7}), "1= 2=");
}

TEST(UnnamedRows, KeepTheIdOfTheOneThatIsJustTheSame) {
	EXPECT_EQ(assigned({{1, 7}, {2, 9}}, {9, 7}), "2= 1=") << "in whatever order they come";
	EXPECT_EQ(assigned({{1, 7}, {2, 9}}, {9}), "2= -1") << "the other one is gone";
	EXPECT_EQ(assigned({{1, 7}, {2, 9}}, {9, 5}), "2= 1+") << "the other one has changed";
	EXPECT_EQ(assigned({{2, 9}}, {5, 9}), "1 2=") << "a number that is free";
	EXPECT_EQ(assigned({{1, 9}, {3, 9}}, {9, 9, 9, 9}), "1= 3= 2 4");
	EXPECT_EQ(assigned({{1, 1}, {2, 2}, {3, 3}}, {9}), "1+ -2 -3");
}

TEST(UnnamedRows, MayBeMetAgain) {
	UnnamedRows rows;
	for (int i = 0; i < 2; ++i)
		rows.note(coffee(), 7);
	EXPECT_EQ(assigned(rows, {{4, 7}}, {7, 7}), "4= 1");
	EXPECT_EQ(assigned(rows, {{3, 8}, {5, 7}, {6, 7}}, {7, 7}), "5= 6= -3");
	EXPECT_EQ(assigned(rows, {}, {7, 7}), "1 2");
}

TEST(UnnamedRows, OtherIdsAreNotTheirs) {
	UnnamedRows rows;
	rows.note(coffee(), 7);
	rows.begin_meeting();
	const std::string key = providers::content_key(coffee());
	for (const std::string &id : {std::string("id-1"), std::string("id"), key, key + "x", key + "1x",
	                              key + "99999999999", "1-" + key + "1", std::string("-"), std::string()}) {
		Transaction row = coffee();
		row.id = id;
		EXPECT_FALSE(rows.meet(row, 7)) << id;
		EXPECT_FALSE(rows.has_come(id)) << id;
	}
	EXPECT_TRUE(rows.assign().empty());
	EXPECT_FALSE(rows.has_come(key + "2"));
	EXPECT_TRUE(rows.has_come(key + "1"));
}

} // namespace
} // namespace ob::sync
