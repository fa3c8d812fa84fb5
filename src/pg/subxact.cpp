#include "pg/subxact.hpp"

extern "C" {
#include "access/xact.h"
}

#include <exception>

#include "pg/guard.hpp"
#include "pg/interrupts.hpp"

namespace ob::pg {

void subtransaction(const std::function<void()> &body) {
	const MemoryContext memory = CurrentMemoryContext;
	const ResourceOwner owner = CurrentResourceOwner;
	guard([&] {
		BeginInternalSubTransaction(nullptr);
		MemoryContextSwitchTo(memory);
	});
	const auto return_to_caller = [&] {
		MemoryContextSwitchTo(memory);
		CurrentResourceOwner = owner;
	};
	std::exception_ptr error;
	try {
		body();
		// Releasing can fail as well, and then the subtransaction is still open.
		guard([&] {
			ReleaseCurrentSubTransaction();
			return_to_caller();
		});
	} catch (...) {
		error = std::current_exception();
	}
	if (!error)
		return;
	// After Interrupted the request is pending still: raised here, it would leave the subtransaction half undone.
	const HoldInterrupts hold;
	guard([&] {
		RollbackAndReleaseCurrentSubTransaction();
		return_to_caller();
	});
	std::rethrow_exception(error);
}

} // namespace ob::pg
