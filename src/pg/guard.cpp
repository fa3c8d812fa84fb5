#include "pg/guard.hpp"

namespace ob::pg {

void release(HeldError *held) noexcept {
	if (held && --held->holders == 0)
		MemoryContextDelete(held->memory);
}

void detail::throw_pending(MemoryContext memory) {
	HeldError *volatile copy = nullptr;
	MemoryContext volatile home = nullptr;
	{
		// Copying allocates, so it can fail as well; that error is dropped, and the first one becomes "out of memory".
		GuardScope scope;
		sigjmp_buf jump;
		if (sigsetjmp(jump, 0) == 0) {
			PG_exception_stack = &jump;
			error_context_stack = nullptr; // the first error has its context already
			home = AllocSetContextCreate(TopMemoryContext, "openbanking error", ALLOCSET_SMALL_SIZES);
			MemoryContextSwitchTo(home);
			auto *fresh = static_cast<HeldError *>(palloc(sizeof(HeldError)));
			*fresh = {home, CopyErrorData(), 1};
			copy = fresh;
		}
	}
	FlushErrorState();
	MemoryContextSwitchTo(memory);
	if (!copy && home)
		MemoryContextDelete(home);
	throw ServerError(copy);
}

} // namespace ob::pg
