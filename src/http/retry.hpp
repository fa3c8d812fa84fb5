// How often and how long to wait before a failed call is made again. C++ regime.
#pragma once

#include <chrono>
#include <optional>

#include "core/random.hpp"

#include "core/pure.hpp"

namespace ob::http {

/// The pauses between the tries of one idempotent call: exponential with full jitter, so that many backends that fail
/// together do not come back together. One object a call.
class Backoff {
public:
	static constexpr std::chrono::milliseconds kBase{500};
	static constexpr std::chrono::milliseconds kCap{8000};
	/// Told to wait longer than this, nobody should hold a statement open: the engine comes back later instead.
	static constexpr std::chrono::seconds kLongestWait{30};

	/// `tries` counts the first attempt too.
	explicit Backoff(int tries = 3) : Backoff(tries, Random()) {}
	Backoff(int tries, Random random);

	/// Call after a failed try: how long to wait before the next one, or nothing to give up. With `retry_after` never
	/// less than that, and nothing if it is longer than kLongestWait.
	std::optional<std::chrono::milliseconds> next(std::optional<std::chrono::seconds> retry_after = {});

private:
	int tries_left_;
	std::chrono::milliseconds limit_ = kBase;
	Random random_;
};

} // namespace ob::http

#include "core/pure.hpp"
