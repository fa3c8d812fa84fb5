// C++ regime.
#include "sync/unit_batch.hpp"

#include <algorithm>
#include <coroutine>
#include <utility>

#include "core/error.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// A unit that was handed in. Lives in its owner's frame, and leaves the batch with it.
class UnitBatch::Entry {
public:
	Entry(UnitBatch &batch, std::function<void()> unit) : body(std::move(unit)), batch_(batch) {
		if (batch_.entries_.empty())
			batch_.oldest_ = std::chrono::steady_clock::now();
		batch_.entries_.push_back(this);
	}
	~Entry() { std::erase(batch_.entries_, this); }
	Entry(const Entry &) = delete;
	Entry &operator=(const Entry &) = delete;

	/// Suspends the owner until the unit has been committed or has failed.
	bool await_ready() const noexcept { return done; }
	template <class Promise>
	void await_suspend(std::coroutine_handle<Promise> handle) noexcept {
		node = &handle.promise().node;
		batch_.joined_.notify();
	}
	void await_resume() const {
		if (error)
			std::rethrow_exception(error);
	}

	std::function<void()> body;
	std::exception_ptr error;
	ReadyNode *node = nullptr;
	bool done = false;

private:
	UnitBatch &batch_;
};

Task<void> UnitBatch::run(std::function<void()> body) {
	Entry entry(*this, std::move(body));
	if (entries_.size() >= kLimit)
		flush();
	co_await entry;
}

void UnitBatch::flush() {
	if (entries_.empty())
		return;
	const std::vector<Entry *> batch = std::exchange(entries_, {});
	bool committed = false;
	if (batch.size() > 1) {
		try {
			store_.unit([&] {
				for (Entry *entry : batch)
					entry->body();
			});
			committed = true;
		} catch (const Error &) {
			// One of them failed and took the others along. Each runs alone now, so that only that one fails.
		}
	}
	for (Entry *entry : batch) {
		if (!committed)
			run_alone(*entry);
		entry->done = true;
		if (entry->node)
			entry->node->wake();
	}
}

void UnitBatch::run_alone(Entry &entry) {
	try {
		store_.unit(entry.body);
	} catch (const Error &) {
		entry.error = std::current_exception();
	}
}

} // namespace ob::sync

#include "core/pure.hpp"
