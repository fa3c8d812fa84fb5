// Time as the pure half sees it, so that tests can set it. C++ regime.
#pragma once

#include <chrono>

#include "core/pure.hpp"

namespace ob {

using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;
using Date = std::chrono::sys_days;

/// Wall-clock time (UTC). Deadlines and pauses use std::chrono::steady_clock instead.
class Clock {
public:
	virtual ~Clock() = default;
	virtual Timestamp now() const = 0;
};

class SystemClock final : public Clock {
public:
	Timestamp now() const override {
		return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
	}
};

} // namespace ob

#include "core/pure.hpp"
