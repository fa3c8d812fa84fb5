#include "pg/guard.hpp"

namespace ob::pg {

namespace {

/// Errors in flight live here: the context that was current may be gone before they are raised again.
MemoryContext error_memory() {
	static MemoryContext context = nullptr;
	if (!context)
		context = AllocSetContextCreate(TopMemoryContext, "openbanking errors", ALLOCSET_SMALL_SIZES);
	return context;
}

} // namespace

void detail::throw_pending(MemoryContext memory) {
	ErrorData *volatile copy = nullptr;
	{
		// Copying allocates, so it can fail as well; that error is dropped, and the first one becomes "out of memory".
		GuardScope scope;
		sigjmp_buf jump;
		if (sigsetjmp(jump, 0) == 0) {
			PG_exception_stack = &jump;
			MemoryContextSwitchTo(TopMemoryContext);
			MemoryContextSwitchTo(error_memory());
			copy = CopyErrorData();
		}
	}
	FlushErrorState();
	MemoryContextSwitchTo(memory);
	throw ServerError(copy);
}

void discard(const ServerError &error) noexcept {
	if (error.data())
		FreeErrorData(error.data());
}

} // namespace ob::pg
