// C++ regime.
#include "sync/window_pending.hpp"

#include <algorithm>

#include "providers/row_identity.hpp"

#include "core/pure.hpp"

namespace ob::sync {

namespace {

// A purchase is booked within days; a time zone may put the booking a day before it.
constexpr std::chrono::days kEarliest{-1};
constexpr std::chrono::days kLatest{7};

// A word that is cut off is still told by so many letters.
constexpr std::size_t kStem = 4;

bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

/// Bytes of other scripts are letters.
bool is_letter(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

char lower(char c) {
	return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Words with a letter in them: numbers are of cards, terminals and days, and change from one telling to the next.
std::vector<std::string> words_of(std::string_view text) {
	std::vector<std::string> words;
	std::string word;
	bool has_letter = false;
	const auto end_word = [&] {
		if (has_letter)
			words.push_back(word);
		word.clear();
		has_letter = false;
	};
	for (const char c : text) {
		if (!is_letter(c) && !is_digit(c)) {
			end_word();
			continue;
		}
		has_letter = has_letter || is_letter(c);
		word.push_back(lower(c));
	}
	end_word();
	return words;
}

bool same_word(std::string_view a, std::string_view b) {
	return a == b || (std::min(a.size(), b.size()) >= kStem && (a.starts_with(b) || b.starts_with(a)));
}

bool same_currency(std::string_view a, std::string_view b) {
	return a.empty() || b.empty() || a == b;
}

bool fits(const LooseRow &pending, const Transaction &posted) {
	const auto later = posted.date - pending.date;
	if (later < kEarliest || later > kLatest || !same_currency(pending.currency, posted.currency) ||
	    providers::plain_amount(pending.amount) != providers::plain_amount(posted.amount))
		return false;
	const bool same_merchant = !pending.merchant_name.empty() && pending.merchant_name == posted.merchant_name;
	return same_merchant || alike(pending.description, posted.description);
}

} // namespace

bool alike(std::string_view a, std::string_view b) {
	std::vector<std::string> fewer = words_of(a);
	std::vector<std::string> more = words_of(b);
	if (fewer.size() > more.size())
		fewer.swap(more);
	if (fewer.empty())
		return a == b;
	return std::all_of(fewer.begin(), fewer.end(), [&](const std::string &word) {
		return std::any_of(more.begin(), more.end(), [&](const std::string &other) { return same_word(word, other); });
	});
}

LooseRow::LooseRow(const Transaction &row)
    : id(row.id), amount(row.amount), currency(row.currency), description(row.description),
      merchant_name(row.merchant_name), date(row.date), pending(row.pending) {}

void PendingMatch::add_new(const Transaction &posted) {
	std::vector<std::size_t> fitting;
	for (std::size_t i = 0; i < gone_.size(); ++i)
		if (fits(gone_[i], posted))
			fitting.push_back(i);
	fitting_.insert_or_assign(std::string(posted.id), std::move(fitting));
}

void PendingMatch::each_pair(
    const std::function<void(const std::string &posted, const std::string &pending)> &fn) const {
	std::vector<std::size_t> wooers(gone_.size());
	for (const auto &[posted, fitting] : fitting_)
		for (const std::size_t place : fitting)
			++wooers[place];
	for (const auto &[posted, fitting] : fitting_)
		if (fitting.size() == 1 && wooers[fitting.front()] == 1)
			fn(posted, gone_[fitting.front()].id);
}

} // namespace ob::sync

#include "core/pure.hpp"
