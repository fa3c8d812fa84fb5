#include "pg/memory.hpp"

#include <exception>

#include "pg/guard.hpp"

namespace ob::pg {

void with_scratch_memory(const std::function<void()> &body) {
	const MemoryContext previous = CurrentMemoryContext;
	const MemoryContext scratch = guard([] {
		MemoryContext context = AllocSetContextCreate(TopMemoryContext, "openbanking scratch", ALLOCSET_SMALL_SIZES);
		MemoryContextSwitchTo(context);
		return context;
	});
	std::exception_ptr error;
	try {
		body();
	} catch (...) {
		error = std::current_exception();
	}
	guard([&] {
		MemoryContextSwitchTo(previous);
		MemoryContextDelete(scratch);
	});
	if (error)
		std::rethrow_exception(error);
}

} // namespace ob::pg
