// C++ regime.
#include "providers/running_balances.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>

#include "core/pure.hpp"

namespace ob::providers {

namespace {

std::optional<double> number(std::string_view digits) {
	double value = 0;
	const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
	return error == std::errc() && !digits.empty() ? std::optional(value) : std::nullopt;
}

/// Of pairs of neighbours, how many moved the balance by the amount, and how many by its opposite.
struct Tally {
	std::size_t with = 0;
	std::size_t against = 0;

	void note(double moved, double amount) {
		const double slack = 1e-9 * std::max({1.0, std::abs(moved), std::abs(amount)}) + 1e-6;
		if (std::abs(moved - amount) < slack)
			++with;
		else if (std::abs(moved + amount) < slack)
			++against;
	}
	/// Of so many pairs.
	bool opposes(std::size_t pairs) const { return against > with && against * 2 > pairs; }
	std::size_t explained() const { return with + against; }
};

} // namespace

bool balances_contradict(std::span<const Transaction> rows) {
	Tally newest_first, oldest_first;
	std::size_t pairs = 0;
	for (std::size_t i = 1; i < rows.size(); ++i) {
		const Transaction &upper = rows[i - 1];
		const Transaction &lower = rows[i];
		const auto balance = number(upper.running_balance), next = number(lower.running_balance);
		const auto amount = number(upper.amount), next_amount = number(lower.amount);
		if (!balance || !next || !amount || !next_amount || upper.currency != lower.currency || *balance == *next)
			continue;
		++pairs;
		newest_first.note(*balance - *next, *amount);
		oldest_first.note(*next - *balance, *next_amount);
	}
	if (newest_first.explained() == oldest_first.explained())
		return newest_first.opposes(pairs) && oldest_first.opposes(pairs);
	return (newest_first.explained() > oldest_first.explained() ? newest_first : oldest_first).opposes(pairs);
}

} // namespace ob::providers

#include "core/pure.hpp"
