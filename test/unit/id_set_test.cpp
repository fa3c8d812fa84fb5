#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "core/id_set.hpp"

namespace ob {
namespace {

TEST(IdSet, TellsIdsApart) {
	IdSet set;
	EXPECT_FALSE(set.contains("a"));
	EXPECT_TRUE(set.insert("a"));
	EXPECT_FALSE(set.insert("a"));
	EXPECT_TRUE(set.insert("A"));
	EXPECT_TRUE(set.insert(""));
	EXPECT_TRUE(set.insert(std::string_view("\0", 1)));
	EXPECT_TRUE(set.insert(std::string_view("\0\0", 2)));
	EXPECT_TRUE(set.insert("12345678"));
	EXPECT_TRUE(set.insert("123456789"));
	EXPECT_EQ(set.size(), 7u);
	set.clear();
	EXPECT_FALSE(set.contains("a"));
	EXPECT_EQ(set.size(), 0u);
}

TEST(IdSet, AgreesWithASetOfStrings) {
	std::mt19937 random(7);
	IdSet set;
	std::set<std::string> truth;
	for (int i = 0; i < 100'000; ++i) {
		std::string id = "tx" + std::to_string(random() % 60'000);
		id.append(random() % 40, 'x');
		ASSERT_EQ(set.insert(id), truth.insert(id).second);
	}
	EXPECT_EQ(set.size(), truth.size());
	for (const std::string &id : truth)
		ASSERT_TRUE(set.contains(id));
	for (int i = 0; i < 10'000; ++i)
		ASSERT_FALSE(set.contains("other" + std::to_string(i)));
}

TEST(IdSet, HoldsAMillionLookAlikes) {
	IdSet set;
	for (int i = 0; i < 1'000'000; ++i)
		ASSERT_TRUE(set.insert("BxBXxLj1m4HMXBm9WZZmCWVbPjX16EHwv9" + std::to_string(i)));
	EXPECT_EQ(set.size(), 1'000'000u);
}

} // namespace
} // namespace ob
