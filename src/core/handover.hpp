// Handover<T>: how coroutines that produce pass what they have to a consumer that is no coroutine. C++ regime.
//
// A producer goes on only when the consumer is done with what it brought, so each producer has at most one item alive
// and memory is bounded by their number, however slow the consumer is.
#pragma once

#include <algorithm>
#include <deque>
#include <utility>

#include "core/task.hpp"

#include "core/pure.hpp"

namespace ob {

template <class T>
class Handover {
public:
	Handover() = default;
	Handover(const Handover &) = delete;
	Handover &operator=(const Handover &) = delete;

	/// A producer's item and its place in the line. Make it a named local and co_await that; destroying the coroutine
	/// takes the item out of the line.
	class Put {
	public:
		Put(Handover &to, T &&item) : to_(to), item_(std::move(item)) {}
		Put(const Put &) = delete;
		Put &operator=(const Put &) = delete;
		~Put() { to_.forget(this); }

		bool await_ready() const noexcept { return false; }
		template <class Promise>
		void await_suspend(std::coroutine_handle<Promise> producer) {
			node_ = &producer.promise().node;
			to_.line_.push_back(this);
		}
		void await_resume() const noexcept {}

	private:
		friend class Handover;
		Handover &to_;
		T item_;
		ReadyNode *node_ = nullptr;
	};

	/// Whether take() has something to give.
	bool ready() const noexcept { return !line_.empty(); }

	/// The oldest item. Its producer stays where it is until release() or the next take(). Only if ready().
	T take() {
		release();
		taken_ = line_.front();
		line_.pop_front();
		return std::move(taken_->item_);
	}

	/// Lets the producer of the item taken last go on; without effect if it has been let go or is gone.
	void release() noexcept {
		if (Put *put = std::exchange(taken_, nullptr))
			put->node_->wake();
	}

private:
	void forget(Put *put) noexcept {
		if (taken_ == put)
			taken_ = nullptr;
		std::erase(line_, put);
	}

	std::deque<Put *> line_;
	Put *taken_ = nullptr;
};

} // namespace ob

#include "core/pure.hpp"
