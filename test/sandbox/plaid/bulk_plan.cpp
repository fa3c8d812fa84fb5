// From the words of a command, or of the password of user_bulk, to bulk rows in the ledger.
#include <algorithm>
#include <array>

#include "bulk_rows.hpp"
#include "errors.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::int64_t kMostRows = 100'000'000;
constexpr std::int64_t kMostBytes = 100'000'000;
constexpr std::int64_t kMostDays = 36'500;

std::int64_t number_word(const Json &words, const char *word, std::int64_t otherwise, std::int64_t most) {
	const Json given = words.get(word);
	const std::int64_t value = given.exists() ? given.integer(-1) : otherwise;
	if (value < 0 || value > most) {
		fail("INVALID_CONFIGURATION", std::string(word) + " must be a number from 0 to " + std::to_string(most));
	}
	return value;
}

} // namespace

void check_bulk_words(const Json &words) {
	static constexpr std::array<std::string_view, 5> kWords = {"count", "seed", "bytes", "days", "until"};
	if (!words.is_object()) {
		fail("INVALID_CONFIGURATION",
		     "bulk rows are described by a JSON object such as {\"count\": 1000, \"seed\": 1}");
	}
	for (const auto &[word, value] : words.members()) {
		if (std::find(kWords.begin(), kWords.end(), word) == kWords.end()) {
			fail("INVALID_CONFIGURATION", "unknown word: " + word);
		}
	}
}

BulkPlan read_bulk_plan(const Json &words, const Item &item, Day today) {
	BulkPlan plan;
	plan.count = static_cast<std::uint32_t>(number_word(words, "count", 1000, kMostRows));
	plan.seed = static_cast<std::uint64_t>(number_word(words, "seed", 1, std::numeric_limits<std::int64_t>::max()));
	plan.bytes = static_cast<std::size_t>(number_word(words, "bytes", 0, kMostBytes));
	plan.days = static_cast<int>(number_word(words, "days", item.days_requested, kMostDays));
	const auto until = words.has("until") ? parse_date(words.text_of("until")) : std::optional(today);
	if (!until) {
		fail("INVALID_CONFIGURATION", "until must be a date of the form YYYY-MM-DD");
	}
	plan.last = *until;
	for (std::uint32_t index = 0; index < item.accounts.size(); ++index) {
		if (item.accounts[index].open()) {
			plan.accounts.push_back(index);
		}
	}
	if (plan.accounts.empty()) {
		fail("NO_ACCOUNTS");
	}
	return plan;
}

void add_bulk_rows(Item &item, const BulkPlan &plan, Day today) {
	const Day visible_since = item.readiness == Readiness::historical ? Day::min()
	                          : item.readiness == Readiness::initial  ? today - std::chrono::days{29}
	                                                                  : Day::max();
	item.transactions.add_bulk(make_bulk_rows(item, plan), visible_since);
}

} // namespace ob::sandbox::plaid
