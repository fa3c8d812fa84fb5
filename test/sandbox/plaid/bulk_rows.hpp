// Bulk rows in Plaid's wire form: any number of varied, whole transaction objects from a seed, kept nowhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../ledger.hpp"

namespace ob::sandbox::plaid {

/// What the rows are made from. The same plan makes the same rows.
struct BulkPlan {
	std::uint64_t seed = 1;
	std::uint32_t count = 0;
	std::size_t bytes = 0;               ///< least size of a row; shorter ones are filled up to exactly that
	Day last;                            ///< the youngest row is of this day at most,
	int days = 90;                       ///< the oldest one of so many days before
	std::vector<std::uint32_t> accounts; ///< indexes that the rows are spread over
};

/// Rows for an item. Their ids are made from the seed, the item's number and how many transactions it has already, so
/// that no two rows of the ledger share one.
[[nodiscard]] std::shared_ptr<const BulkRows> make_bulk_rows(const Item &item, const BulkPlan &plan);

/// Throws ApiError unless it is an object of words for read_bulk_plan() only.
void check_bulk_words(const Json &words);

/// A plan from the words count, seed, bytes, days and until; others are not looked at. Its rows go to all open accounts
/// and span the item's history, unless told otherwise. Throws ApiError.
[[nodiscard]] BulkPlan read_bulk_plan(const Json &words, const Item &item, Day today);

/// Makes the rows and adds them; those that belong to a later stage of the item's history become visible with it.
void add_bulk_rows(Item &item, const BulkPlan &plan, Day today);

} // namespace ob::sandbox::plaid
