// Something happened: wakes the one coroutine that waits for it. C++ regime.
#pragma once

#include <chrono>
#include <coroutine>
#include <utility>

#include "core/loop.hpp"
#include "core/task.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// Remembers one notification while nobody waits.
class Signal {
public:
	/// `co_await` it: resumes at the next notification, or when the time is over.
	class Wait final : private Timer {
	public:
		Wait(Signal &signal, std::chrono::steady_clock::duration patience) : signal_(signal), patience_(patience) {}
		~Wait() override {
			if (signal_.waiting_ == this)
				signal_.waiting_ = nullptr;
		}
		bool await_ready() const noexcept { return std::exchange(signal_.notified_, false); }
		template <class Promise>
		void await_suspend(std::coroutine_handle<Promise> handle) {
			node_ = &handle.promise().node;
			node_->loop()->reactor().start(*this, std::chrono::steady_clock::now() + patience_);
			signal_.waiting_ = this;
		}
		void await_resume() const noexcept { signal_.notified_ = false; }

	private:
		friend class Signal;
		void on_time() noexcept override { wake(); }
		void wake() noexcept {
			cancel();
			signal_.waiting_ = nullptr;
			node_->wake();
		}

		Signal &signal_;
		std::chrono::steady_clock::duration patience_;
		ReadyNode *node_ = nullptr;
	};

	void notify() noexcept {
		notified_ = true;
		if (waiting_)
			waiting_->wake();
	}

private:
	Wait *waiting_ = nullptr;
	bool notified_ = false;
};

} // namespace ob::sync

#include "core/pure.hpp"
