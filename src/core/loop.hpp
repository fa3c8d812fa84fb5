// The reactor (file descriptors and timers behind one fd) and the loop that runs coroutines on it. C++ regime.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "core/task.hpp"

#include "core/pure.hpp"

namespace ob {

/// How a loop waits. The server's implementation also watches for cancel and terminate.
class Waiter {
public:
	virtual ~Waiter() = default;
	/// Blocks until `fd` is readable, or for a while. Throws to end the operation.
	virtual void wait(int fd) = 0;
	/// A cheap look for cancellation during CPU work. Throws to end the operation.
	virtual void check() = 0;
};

/// Told that its file descriptor is ready.
class FdHandler {
public:
	virtual void on_ready(int fd, std::uint32_t events) noexcept = 0;

protected:
	~FdHandler() = default;
};

/// Asked after every wait: for news that come without a file descriptor, such as a server's message queue.
class Poller {
public:
	virtual void poll() noexcept = 0;

protected:
	~Poller() = default;
};

/// Calls back once at its deadline, unless destroyed or cancelled before.
class Timer {
public:
	Timer() = default;
	Timer(const Timer &) = delete;
	Timer &operator=(const Timer &) = delete;
	virtual ~Timer();
	virtual void on_time() noexcept = 0;
	void cancel() noexcept;

private:
	friend class Reactor;
	class Reactor *reactor_ = nullptr;
	std::multimap<std::chrono::steady_clock::time_point, Timer *>::iterator place_;
};

/// One epoll with a timerfd in it; one per process. All of it hides behind a single fd, so that the server's wait
/// event set needs no other.
class Reactor {
public:
	using Instant = std::chrono::steady_clock::time_point;

	Reactor();
	~Reactor();
	Reactor(const Reactor &) = delete;
	Reactor &operator=(const Reactor &) = delete;

	/// Watches `fd` for `events` (EPOLLIN, EPOLLOUT), replacing an earlier watch. Throws Error.
	void watch(int fd, std::uint32_t events, FdHandler &handler);
	void unwatch(int fd) noexcept;
	/// (Re)starts `timer` for `deadline`. Throws std::bad_alloc.
	void start(Timer &timer, Instant deadline);
	/// Asks `poller` at every dispatch until it is removed. It may remove itself while it is asked.
	void add(Poller &poller) { pollers_.push_back(&poller); }
	void remove(Poller &poller) noexcept { std::erase(pollers_, &poller); }
	/// Arms the timerfd for the next deadline and returns the fd to wait on.
	int prepare_wait() noexcept;
	/// Handles what is ready now; never blocks.
	void dispatch() noexcept;
	/// Nothing watched, no timer, nobody to ask: waiting would last for ever.
	bool idle() const noexcept { return handlers_.empty() && timers_.empty() && pollers_.empty(); }

private:
	friend class Timer;
	int epoll_fd_ = -1;
	int timer_fd_ = -1;
	std::unordered_map<int, FdHandler *> handlers_;
	std::multimap<Instant, Timer *> timers_;
	std::vector<Poller *> pollers_;
};

/// Runs coroutines: a ready queue over a shared reactor. One loop per operation; a nested operation (a trigger that
/// scans a live table during a sync) has its own, so it never resumes the outer one's coroutines.
class Loop {
public:
	Loop(Reactor &reactor, Waiter &waiter) : reactor_(reactor), waiter_(waiter) {}
	~Loop();
	Loop(const Loop &) = delete;
	Loop &operator=(const Loop &) = delete;

	/// Runs `task` to its end. Throws what it throws, or what the waiter throws (the task is then destroyed at
	/// once by unwinding).
	template <class T>
	T run(Task<T> task) {
		Task<T>::start(task.handle_, this, nullptr);
		drive([&] { return task.done(); });
		return task.handle_.promise().take();
	}

	/// Runs whatever is ready until `done()` holds.
	template <class Predicate>
	void drive(Predicate done) {
		int steps = 0;
		while (!done()) {
			if (ReadyNode *node = pop()) {
				node->handle_.resume();
				if (++steps % kStepsPerLook == 0)
					look();
			} else {
				wait();
			}
		}
	}

	/// Runs what is ready, until `done()` holds, and returns without waiting: requests go out and answers are taken in
	/// while the caller, who is no coroutine, has other work to do. Throws what the waiter throws.
	template <class Predicate>
	void run_ready(Predicate done) {
		look();
		int steps = 0;
		while (!done()) {
			ReadyNode *node = pop();
			if (!node)
				break;
			node->handle_.resume();
			if (++steps % kStepsPerLook == 0)
				look();
		}
		look(); // what they have just begun
	}

	Reactor &reactor() noexcept { return reactor_; }
	Waiter &waiter() noexcept { return waiter_; }

private:
	friend class ReadyNode;
	// Interrupts and sockets are looked at this often even when coroutines keep each other busy.
	static constexpr int kStepsPerLook = 256;

	ReadyNode *pop() noexcept;
	void look();
	void wait();

	Reactor &reactor_;
	Waiter &waiter_;
	ReadyNode *head_ = nullptr;
	ReadyNode *tail_ = nullptr;
};

/// `co_await Sleep(duration)`: resumes after `duration`, at once if it is not positive.
class Sleep final : private Timer {
public:
	explicit Sleep(std::chrono::steady_clock::duration duration) : duration_(duration) {}
	bool await_ready() const noexcept { return duration_ <= std::chrono::steady_clock::duration::zero(); }
	template <class Promise>
	void await_suspend(std::coroutine_handle<Promise> handle) {
		node_ = &handle.promise().node;
		node_->loop()->reactor().start(*this, std::chrono::steady_clock::now() + duration_);
	}
	void await_resume() const noexcept {}

private:
	void on_time() noexcept override { node_->wake(); }

	std::chrono::steady_clock::duration duration_;
	ReadyNode *node_ = nullptr;
};

/// `Loop &loop = co_await ThisLoop()`: the loop this coroutine runs on.
class ThisLoop {
public:
	bool await_ready() const noexcept { return false; }
	template <class Promise>
	bool await_suspend(std::coroutine_handle<Promise> handle) noexcept {
		loop_ = handle.promise().node.loop();
		return false;
	}
	Loop &await_resume() const noexcept { return *loop_; }

private:
	Loop *loop_ = nullptr;
};

} // namespace ob

#include "core/pure.hpp"
