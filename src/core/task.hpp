// Task<T>: a lazy coroutine. Resumption goes through the loop's ready queue, never by symmetric transfer: g++ 12
// overflows the stack with it at -O0 and under sanitizers. C++ regime.
//
// Rules for coroutines: parameters by value, no capturing coroutine lambdas, arguments of an awaited call built as
// named locals and moved in (g++ 12 destroys some aggregate temporaries of a co_await expression twice).
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.hpp"

#include "core/pure.hpp"

namespace ob {

class Loop;

/// Told when a task has ended.
class Completion {
public:
	virtual void child_done() noexcept = 0;

protected:
	~Completion() = default;
};

/// A coroutine's place in its loop's ready queue. Intrusive, so that waking never allocates; leaves the queue when
/// the coroutine is destroyed, so destroying a task is how it is cancelled.
class ReadyNode final : public Completion {
public:
	ReadyNode() = default;
	ReadyNode(const ReadyNode &) = delete;
	ReadyNode &operator=(const ReadyNode &) = delete;
	~ReadyNode() { unlink(); }

	/// Queues the coroutine for resumption; a second call before it runs has no effect.
	void wake() noexcept;
	void child_done() noexcept override { wake(); }
	Loop *loop() const noexcept { return loop_; }

private:
	friend class Loop;
	template <class>
	friend class Task;
	friend class TaskGroup;
	void unlink() noexcept;

	std::coroutine_handle<> handle_;
	Loop *loop_ = nullptr;
	ReadyNode *prev_ = nullptr;
	ReadyNode *next_ = nullptr;
	bool queued_ = false;
};

namespace detail {

class PromiseBase {
public:
	std::suspend_always initial_suspend() noexcept { return {}; }

	struct FinalAwaiter {
		bool await_ready() const noexcept { return false; }
		template <class Promise>
		void await_suspend(std::coroutine_handle<Promise> handle) noexcept {
			if (Completion *parent = handle.promise().parent)
				parent->child_done();
		}
		void await_resume() const noexcept {}
	};
	FinalAwaiter final_suspend() noexcept { return {}; }
	/// Interrupted is no failure of this coroutine, which its parent might handle, but the end of all of them: it
	/// leaves the loop at once, before any other is resumed.
	void unhandled_exception() {
		try {
			throw;
		} catch (const Interrupted &) {
			throw;
		} catch (...) {
			error = std::current_exception();
		}
	}

	ReadyNode node;
	Completion *parent = nullptr;
	std::exception_ptr error;
};

template <class T>
class Promise : public PromiseBase {
public:
	template <class U>
	void return_value(U &&value) {
		value_.emplace(std::forward<U>(value));
	}
	T take() {
		if (error)
			std::rethrow_exception(std::exchange(error, nullptr));
		return std::move(*value_);
	}

private:
	std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
public:
	void return_void() noexcept {}
	void take() {
		if (error)
			std::rethrow_exception(std::exchange(error, nullptr));
	}
};

} // namespace detail

/// A coroutine that yields a T or throws. Owns its frame: destroying the task destroys everything it holds, at
/// whatever point it waits.
template <class T = void>
class [[nodiscard]] Task {
public:
	struct promise_type : detail::Promise<T> {
		Task get_return_object() noexcept {
			auto handle = std::coroutine_handle<promise_type>::from_promise(*this);
			this->node.handle_ = handle;
			return Task(handle);
		}
	};

	Task(Task &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
	Task &operator=(Task &&other) noexcept {
		if (this != &other) {
			reset();
			handle_ = std::exchange(other.handle_, nullptr);
		}
		return *this;
	}
	~Task() { reset(); }

	bool done() const noexcept { return !handle_ || handle_.done(); }

	class Awaiter {
	public:
		explicit Awaiter(std::coroutine_handle<promise_type> child) noexcept : child_(child) {}
		bool await_ready() const noexcept { return false; }
		template <class Promise>
		void await_suspend(std::coroutine_handle<Promise> parent) noexcept {
			start(child_, parent.promise().node.loop(), &parent.promise().node);
		}
		T await_resume() { return child_.promise().take(); }

	private:
		std::coroutine_handle<promise_type> child_;
	};
	Awaiter operator co_await() noexcept { return Awaiter(handle_); }

private:
	friend class Loop;
	friend class TaskGroup;
	explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

	static void start(std::coroutine_handle<promise_type> handle, Loop *loop, Completion *parent) noexcept {
		handle.promise().parent = parent;
		handle.promise().node.loop_ = loop;
		handle.promise().node.wake();
	}
	void reset() noexcept {
		if (handle_)
			std::exchange(handle_, nullptr).destroy();
	}

	std::coroutine_handle<promise_type> handle_;
};

/// Runs tasks side by side. Destroying the group cancels what still runs.
class TaskGroup final : private Completion {
public:
	explicit TaskGroup(Loop &loop) : loop_(loop) {}
	TaskGroup(const TaskGroup &) = delete;
	TaskGroup &operator=(const TaskGroup &) = delete;

	/// Starts `task` at once.
	void spawn(Task<void> task);
	std::size_t running() const noexcept { return running_; }
	/// Frees ended tasks; throws the first failure among them.
	void reap();

	/// Waits until every task has ended. On the first failure cancels the others and throws it.
	Task<void> join();

private:
	void child_done() noexcept override;

	Loop &loop_;
	std::vector<Task<void>> tasks_;
	std::size_t running_ = 0;
	ReadyNode *joiner_ = nullptr;
};

} // namespace ob

#include "core/pure.hpp"
