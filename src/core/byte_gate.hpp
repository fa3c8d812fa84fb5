// ByteGate: keeps what coroutines fetch, and a slower consumer has yet to use, within a number of bytes. C++ regime.
//
// How big an answer is shows only when it is there. So each fetch sets aside what the largest answer so far took, at
// first a guess, and waits while that does not fit. With nobody inside one is let through whatever the limit, so nobody
// waits for ever.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>

#include "core/task.hpp"

#include "core/pure.hpp"

namespace ob {

class ByteGate {
public:
	ByteGate(std::size_t limit, std::size_t guess) : limit_(limit), expected_(guess) {}
	ByteGate(const ByteGate &) = delete;
	ByteGate &operator=(const ByteGate &) = delete;

	/// A fetch, and then what it brought. Make it a named local and co_await that before the fetch; its end gives the
	/// bytes back. Who came first goes first.
	class Pass {
	public:
		explicit Pass(ByteGate &gate) : gate_(gate) {}
		Pass(const Pass &) = delete;
		Pass &operator=(const Pass &) = delete;
		~Pass() { gate_.leave(this); }

		bool await_ready() noexcept {
			if (gate_.line_.empty() && gate_.fits())
				gate_.enter(this);
			return inside_;
		}
		template <class Promise>
		void await_suspend(std::coroutine_handle<Promise> fetcher) {
			node_ = &fetcher.promise().node;
			gate_.line_.push_back(this);
		}
		void await_resume() const noexcept {}

		/// The answer is there and takes `bytes`.
		void fetched(std::size_t bytes) noexcept { gate_.settle(this, bytes); }

	private:
		friend class ByteGate;
		ByteGate &gate_;
		ReadyNode *node_ = nullptr;
		std::size_t bytes_ = 0;
		bool inside_ = false;
	};

private:
	bool fits() const noexcept { return inside_ == 0 || held_ + expected_ <= limit_; }

	void enter(Pass *pass) noexcept {
		pass->inside_ = true;
		pass->bytes_ = expected_;
		held_ += expected_;
		++inside_;
	}

	void settle(Pass *pass, std::size_t bytes) noexcept {
		held_ = held_ - pass->bytes_ + bytes;
		pass->bytes_ = bytes;
		expected_ = guessing_ ? bytes : std::max(expected_, bytes);
		guessing_ = false;
		let_in();
	}

	void leave(Pass *pass) noexcept {
		if (!pass->inside_) {
			std::erase(line_, pass);
			return;
		}
		held_ -= pass->bytes_;
		--inside_;
		let_in();
	}

	void let_in() noexcept {
		while (!line_.empty() && fits()) {
			Pass *pass = line_.front();
			line_.pop_front();
			enter(pass);
			pass->node_->wake();
		}
	}

	const std::size_t limit_;
	std::size_t expected_; // of the next answer
	bool guessing_ = true; // no answer has been seen
	std::size_t held_ = 0; // set aside, or there
	std::size_t inside_ = 0;
	std::deque<Pass *> line_;
};

} // namespace ob

#include "core/pure.hpp"
