// C++ regime.
#include "core/call_window.hpp"

#include <algorithm>
#include <iterator>

#include "core/pure.hpp"

namespace ob {

namespace {

using std::chrono::seconds;

std::int64_t slot_length(CallLimit limit) {
	return std::clamp<std::int64_t>(limit.period.count() / 20, 1, 60);
}

/// For how long calls count from the beginning of their slot on. Sent in it or in the next one, they may arrive another
/// slot later than those that come after them.
std::int64_t memory(CallLimit limit) {
	return limit.period.count() + 3 * slot_length(limit);
}

std::int64_t slot_at(CallLimit limit, Timestamp now) {
	const std::int64_t second = std::chrono::floor<seconds>(now).time_since_epoch().count();
	const std::int64_t length = slot_length(limit);
	return second - (second % length + length) % length;
}

Timestamp at(std::int64_t second) {
	return Timestamp(seconds(second));
}

} // namespace

/// The slot that counts as the present one. A clock that goes back a little does not make what was handed out count for
/// less.
std::int64_t CallWindow::present(CallLimit limit, Timestamp now) const {
	const std::int64_t slot = slot_at(limit, now);
	return slots_.empty() ? slot : std::max(slot, slots_.rbegin()->first);
}

void CallWindow::forget(CallLimit limit, std::int64_t slot) {
	slots_.erase(slots_.begin(), slots_.upper_bound(slot - memory(limit)));
}

std::int64_t CallWindow::take(CallLimit limit, Timestamp now, std::int64_t wanted) {
	// A clock that was far ahead has been put right: nobody waits until it is that late again.
	const std::int64_t slot = slot_at(limit, now);
	if (!slots_.empty() && slots_.rbegin()->first > slot + memory(limit)) {
		const std::int64_t all = used(limit, now);
		slots_.clear();
		slots_[slot] = all;
	}
	const std::int64_t here = present(limit, now);
	forget(limit, here);
	const std::int64_t given = std::clamp<std::int64_t>(limit.calls - used(limit, now), 0, wanted);
	if (given > 0)
		slots_[here] += given;
	return given;
}

void CallWindow::give_back(std::int64_t calls) {
	while (calls > 0 && !slots_.empty()) {
		const auto last = std::prev(slots_.end());
		const std::int64_t given = std::min(calls, last->second);
		calls -= given;
		last->second -= given;
		if (last->second <= 0)
			slots_.erase(last);
	}
}

std::int64_t CallWindow::used(CallLimit limit, Timestamp now) const {
	std::int64_t sum = 0;
	for (auto slot = slots_.upper_bound(present(limit, now) - memory(limit)); slot != slots_.end(); ++slot)
		sum += slot->second;
	return sum;
}

Timestamp CallWindow::free_at(CallLimit limit, Timestamp now) const {
	std::int64_t left = used(limit, now);
	if (left < limit.calls)
		return now;
	for (auto slot = slots_.upper_bound(present(limit, now) - memory(limit)); slot != slots_.end(); ++slot) {
		left -= slot->second;
		if (left < limit.calls) {
			// The next slot that begins when these calls count no longer.
			const std::int64_t length = slot_length(limit);
			const std::int64_t over = slot->first + memory(limit);
			return at(over + (length - over % length) % length);
		}
	}
	return now + limit.period; // a limit of none
}

Timestamp CallWindow::usable_until(CallLimit limit, Timestamp now) {
	return at(slot_at(limit, now) + 2 * slot_length(limit));
}

} // namespace ob

#include "core/pure.hpp"
