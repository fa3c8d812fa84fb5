// A Waiter for tests: poll(), with a deadline for the whole test and a switch that ends the operation.
#pragma once

#include <chrono>
#include <functional>
#include <poll.h>
#include <stdexcept>

#include "core/error.hpp"
#include "core/loop.hpp"

namespace ob::test {

class PollWaiter final : public Waiter {
public:
	using Clock = std::chrono::steady_clock;

	/// A test that hangs fails after this long.
	explicit PollWaiter(std::chrono::milliseconds patience = std::chrono::seconds(30))
	    : give_up_(Clock::now() + patience) {}

	/// From then on wait() and check() throw Interrupted, as a cancel does.
	void interrupt_after(std::chrono::milliseconds delay) { interrupt_ = Clock::now() + delay; }
	void no_interrupt() { interrupt_ = Clock::time_point::max(); }

	void wait(int fd) override {
		++waits;
		const auto until = std::min(give_up_, interrupt_);
		const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
		pollfd p{fd, POLLIN, 0};
		poll(&p, 1, static_cast<int>(std::max<std::int64_t>(0, left)));
		check();
	}

	void check() override {
		++checks;
		if (on_check)
			on_check();
		const auto now = Clock::now();
		if (now >= interrupt_)
			throw Interrupted();
		if (now >= give_up_)
			throw std::runtime_error("the test waits for ever");
	}

	int waits = 0;
	int checks = 0;
	std::function<void()> on_check;

private:
	Clock::time_point give_up_;
	Clock::time_point interrupt_ = Clock::time_point::max();
};

} // namespace ob::test
