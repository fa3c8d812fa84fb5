// How many calls may still be made of a kind that is limited to so many in any period. C++ regime.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>

#include "core/clock.hpp"

#include "core/pure.hpp"

namespace ob {

/// At most `calls` in any `period`, wherever that begins.
struct CallLimit {
	std::int64_t calls = 0;
	std::chrono::seconds period{60};

	bool operator==(const CallLimit &) const = default;
};

/// What was handed out under one limit. Calls are handed out in slots of a twentieth of the period (a minute at most),
/// to be sent before the end of the next slot, and count for the period and three slots: so that no period holds more
/// than the limit at the provider, however late in their time they are sent and although one arrives faster than
/// another. Of what the limit allows 87 % can be used.
class CallWindow {
public:
	/// Second since 1970 at which a slot begins, and how many calls were handed out in it.
	using Slots = std::map<std::int64_t, std::int64_t>;

	CallWindow() = default;
	explicit CallWindow(Slots slots) : slots_(std::move(slots)) {}

	/// Hands out `wanted` calls, or as many as there are.
	std::int64_t take(CallLimit limit, Timestamp now, std::int64_t wanted);
	/// Calls that were handed out a moment ago and have not been made: the last ones.
	void give_back(std::int64_t calls);
	/// How many calls count at present.
	std::int64_t used(CallLimit limit, Timestamp now) const;
	/// When there is a call to be had, if nobody takes it before: `now` if there is one.
	Timestamp free_at(CallLimit limit, Timestamp now) const;
	/// Until when what is taken now may be sent.
	static Timestamp usable_until(CallLimit limit, Timestamp now);

	const Slots &slots() const noexcept { return slots_; }

private:
	std::int64_t present(CallLimit limit, Timestamp now) const;
	void forget(CallLimit limit, std::int64_t slot);

	Slots slots_;
};

} // namespace ob

#include "core/pure.hpp"
