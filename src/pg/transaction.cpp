#include "pg/transaction.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/snapmgr.h"
}

#include <exception>

#include "pg/guard.hpp"
#include "pg/interrupts.hpp"

namespace ob::pg {

void transaction(const std::function<void()> &body) {
	const MemoryContext memory = CurrentMemoryContext;
	std::exception_ptr error;
	try {
		guard([] {
			SetCurrentStatementStartTimestamp();
			StartTransactionCommand();
			PushActiveSnapshot(GetTransactionSnapshot());
		});
		body();
		guard([] {
			PopActiveSnapshot();
			CommitTransactionCommand();
		});
	} catch (...) {
		error = std::current_exception();
	}
	const HoldInterrupts hold; // see subtransaction()
	guard([&] {
		if (error != nullptr)
			AbortCurrentTransaction();
		MemoryContextSwitchTo(memory);
	});
	if (error)
		std::rethrow_exception(error);
}

} // namespace ob::pg
