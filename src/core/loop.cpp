#include "core/loop.hpp"

#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/error.hpp"

#include "core/pure.hpp"

namespace ob {

// ---- ReadyNode ----

void ReadyNode::wake() noexcept {
	if (queued_)
		return;
	queued_ = true;
	prev_ = loop_->tail_;
	next_ = nullptr;
	(loop_->tail_ ? loop_->tail_->next_ : loop_->head_) = this;
	loop_->tail_ = this;
}

void ReadyNode::unlink() noexcept {
	if (!queued_)
		return;
	(prev_ ? prev_->next_ : loop_->head_) = next_;
	(next_ ? next_->prev_ : loop_->tail_) = prev_;
	prev_ = next_ = nullptr;
	queued_ = false;
}

// ---- Loop ----

Loop::~Loop() {
	// A task that outlives its loop must not reach back into it.
	while (pop() != nullptr) {
	}
}

ReadyNode *Loop::pop() noexcept {
	ReadyNode *node = head_;
	if (node)
		node->unlink();
	return node;
}

void Loop::look() {
	reactor_.dispatch();
	waiter_.check();
}

void Loop::wait() {
	reactor_.dispatch();
	if (head_)
		return;
	if (reactor_.idle())
		throw Error(ErrorCode::internal, "nothing left to wait for");
	waiter_.wait(reactor_.prepare_wait());
	reactor_.dispatch();
}

// ---- TaskGroup ----

void TaskGroup::spawn(Task<void> task) {
	tasks_.push_back(std::move(task));
	++running_;
	Task<void>::start(tasks_.back().handle_, &loop_, this);
}

void TaskGroup::child_done() noexcept {
	--running_;
	if (joiner_)
		joiner_->wake();
}

void TaskGroup::reap() {
	for (auto it = tasks_.begin(); it != tasks_.end();) {
		if (!it->done()) {
			++it;
			continue;
		}
		Task<void> ended = std::move(*it);
		it = tasks_.erase(it);
		ended.handle_.promise().take();
	}
}

namespace {

/// Suspends until the node it leaves in `slot` is woken. Clears the slot when it goes, also when the coroutine is
/// destroyed while it waits: the group may live on.
class Park {
public:
	explicit Park(ReadyNode *&slot) : slot_(slot) {}
	Park(const Park &) = delete;
	Park &operator=(const Park &) = delete;
	~Park() { slot_ = nullptr; }
	bool await_ready() const noexcept { return false; }
	template <class Promise>
	void await_suspend(std::coroutine_handle<Promise> handle) noexcept {
		slot_ = &handle.promise().node;
	}
	void await_resume() const noexcept {}

private:
	ReadyNode *&slot_;
};

} // namespace

Task<void> TaskGroup::join() {
	for (;;) {
		try {
			reap();
		} catch (...) {
			tasks_.clear();
			running_ = 0;
			throw;
		}
		if (running_ == 0)
			co_return;
		Park park(joiner_);
		co_await park;
	}
}

// ---- Timer ----

Timer::~Timer() { cancel(); }

void Timer::cancel() noexcept {
	if (!reactor_)
		return;
	reactor_->timers_.erase(place_);
	reactor_ = nullptr;
}

// ---- Reactor ----

Reactor::Reactor() {
	epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
	timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	epoll_event event{};
	event.events = EPOLLIN;
	event.data.fd = timer_fd_;
	if (epoll_fd_ < 0 || timer_fd_ < 0 || epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, timer_fd_, &event) != 0) {
		if (epoll_fd_ >= 0)
			close(epoll_fd_);
		if (timer_fd_ >= 0)
			close(timer_fd_);
		throw Error(ErrorCode::internal, "could not set up waiting: no file descriptor left");
	}
}

Reactor::~Reactor() {
	for (auto &[deadline, timer] : timers_)
		timer->reactor_ = nullptr;
	close(epoll_fd_);
	close(timer_fd_);
}

void Reactor::watch(int fd, std::uint32_t events, FdHandler &handler) {
	const bool known = handlers_.contains(fd);
	handlers_[fd] = &handler;
	epoll_event event{};
	event.events = events;
	event.data.fd = fd;
	int rc = epoll_ctl(epoll_fd_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
	// The fd may have been closed and opened again under the same number without telling us.
	if (rc != 0 && known && errno == ENOENT)
		rc = epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
	if (rc != 0) {
		handlers_.erase(fd);
		throw Error(ErrorCode::internal, "could not watch a file descriptor");
	}
}

void Reactor::unwatch(int fd) noexcept {
	if (handlers_.erase(fd) > 0)
		epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

void Reactor::start(Timer &timer, Instant deadline) {
	timer.cancel();
	timer.place_ = timers_.emplace(deadline, &timer);
	timer.reactor_ = this;
}

int Reactor::prepare_wait() noexcept {
	itimerspec spec{};
	if (!timers_.empty()) {
		auto left = timers_.begin()->first - std::chrono::steady_clock::now();
		// Zero would disarm the timer.
		auto ns = std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::nanoseconds>(left).count());
		spec.it_value.tv_sec = ns / 1'000'000'000;
		spec.it_value.tv_nsec = ns % 1'000'000'000;
	}
	timerfd_settime(timer_fd_, 0, &spec, nullptr);
	return epoll_fd_;
}

void Reactor::dispatch() noexcept {
	std::array<epoll_event, 64> events;
	const int count = epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), 0);
	for (int i = 0; i < count; ++i) {
		const int fd = events[static_cast<std::size_t>(i)].data.fd;
		if (fd == timer_fd_) {
			std::uint64_t ticks;
			[[maybe_unused]] auto n = read(timer_fd_, &ticks, sizeof ticks);
		} else if (auto it = handlers_.find(fd); it != handlers_.end()) {
			it->second->on_ready(fd, events[static_cast<std::size_t>(i)].events);
		}
	}
	const auto now = std::chrono::steady_clock::now();
	while (!timers_.empty() && timers_.begin()->first <= now) {
		Timer *timer = timers_.begin()->second;
		timer->cancel();
		timer->on_time();
	}
	for (std::size_t i = pollers_.size(); i-- > 0;)
		if (i < pollers_.size())
			pollers_[i]->poll();
}

} // namespace ob

#include "core/pure.hpp"
