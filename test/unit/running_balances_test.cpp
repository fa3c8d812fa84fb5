// Running balances that contradict amounts.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "providers/running_balances.hpp"

namespace ob::providers {
namespace {

using Row = std::pair<const char *, const char *>; // amount, running balance

bool contradict(const std::vector<Row> &rows, const char *last_currency = "GBP") {
	std::vector<Transaction> read;
	for (const auto &[amount, balance] : rows) {
		Transaction row;
		row.amount = amount;
		row.running_balance = balance;
		row.currency = &rows.back().first == &amount ? last_currency : "GBP";
		read.push_back(row);
	}
	return balances_contradict(read);
}

TEST(RunningBalances, FitInEitherOrder) {
	EXPECT_FALSE(contradict({{"-3.10", "93.90"}, {"-5", "97.00"}, {"2.00", "102.00"}})) << "newest first";
	EXPECT_FALSE(contradict({{"2.00", "102.00"}, {"-5", "97.00"}, {"-3.10", "93.90"}})) << "oldest first";
}

TEST(RunningBalances, AmountsWithTheWrongSign) {
	EXPECT_TRUE(contradict({{"3.10", "93.90"}, {"5", "97.00"}, {"-2.00", "102.00"}})) << "newest first";
	EXPECT_TRUE(contradict({{"-2.00", "102.00"}, {"5", "97.00"}, {"3.10", "93.90"}})) << "oldest first";
	EXPECT_TRUE(contradict({{"3.10", "93.90"}, {"5", "97.00"}, {"-2.00", "102.00"}, {"9", "100.00"}}));
}

TEST(RunningBalances, WhatTellsNothing) {
	EXPECT_FALSE(contradict({}));
	EXPECT_FALSE(contradict({{"1", "5"}}));
	EXPECT_FALSE(contradict({{"-10", "80"}, {"-10", "90"}, {"-10", "100"}})) << "either order explains equal amounts";
	EXPECT_FALSE(contradict({{"10", "80"}, {"10", "90"}, {"10", "100"}}));
	EXPECT_FALSE(contradict({{"3.10", ""}, {"5", "97.00"}, {"-2.00", ""}})) << "no neighbours with a balance";
	EXPECT_FALSE(contradict({{"3.10", "93.90"}, {"5", "97.00"}}, "EUR")) << "another currency";
	EXPECT_FALSE(contradict({{"3.10", "50"}, {"5", "97.00"}, {"-2.00", "10"}})) << "balances that follow from nothing";
	EXPECT_FALSE(contradict({{"3.10", "93.90"}, {"5", "97.00"}, {"8", "5"}, {"9", "1"}, {"7", "70"}}))
	    << "one pair of several";
}

TEST(RunningBalances, LargeAndSmall) {
	EXPECT_TRUE(contradict({{"123456789012.25", "1.50"}, {"0.25", "123456789013.75"}, {"7", "123456789014.00"}}));
	EXPECT_FALSE(contradict({{"-123456789012.25", "1.50"}, {"-0.25", "123456789013.75"}, {"7", "123456789014.00"}}));
}

} // namespace
} // namespace ob::providers
