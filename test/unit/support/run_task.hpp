// Runs one task to its end, as a statement does.
#pragma once

#include <utility>

#include "core/loop.hpp"
#include "unit/support/poll_waiter.hpp"

namespace ob::test {

template <class T>
T run_task(Task<T> task) {
	Reactor reactor;
	PollWaiter waiter;
	Loop loop(reactor, waiter);
	return loop.run(std::move(task));
}

/// `co_await Yield()`: lets everything else that is ready run first. A place to be cancelled at.
struct Yield {
	bool await_ready() const noexcept { return false; }
	template <class Promise>
	void await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
		handle.promise().node.wake();
	}
	void await_resume() const noexcept {}
};

} // namespace ob::test
