#include "pg/subxact.hpp"

extern "C" {
#include "access/xact.h"
}

#include <exception>

#include "pg/guard.hpp"

namespace ob::pg {

void subtransaction(const std::function<void()> &body) {
	const MemoryContext memory = CurrentMemoryContext;
	const ResourceOwner owner = CurrentResourceOwner;
	guard([&] {
		BeginInternalSubTransaction(nullptr);
		MemoryContextSwitchTo(memory);
	});
	std::exception_ptr error;
	try {
		body();
	} catch (...) {
		error = std::current_exception();
	}
	guard([&] {
		if (error == nullptr)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(memory);
		CurrentResourceOwner = owner;
	});
	if (error)
		std::rethrow_exception(error);
}

} // namespace ob::pg
