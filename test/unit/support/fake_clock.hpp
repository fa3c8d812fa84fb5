// A clock that stands still until it is told otherwise.
#pragma once

#include "core/clock.hpp"
#include "core/time.hpp"

namespace ob::test {

class FakeClock final : public Clock {
public:
	explicit FakeClock(std::string_view text = "2026-03-10T12:00:00Z") : now_(*time::parse_timestamp(text)) {}
	Timestamp now() const override { return now_; }
	void set(std::string_view text) { now_ = *time::parse_timestamp(text); }
	void advance(std::chrono::microseconds by) { now_ += by; }

private:
	Timestamp now_;
};

} // namespace ob::test
