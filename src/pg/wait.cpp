#include "pg/wait.hpp"

extern "C" {
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"
}

#include "core/error.hpp"
#include "pg/guard.hpp"

namespace ob::pg {

namespace {

/// One set per process, made on first use: the reactor's fd never changes.
WaitEventSet *wait_set(int fd) {
	static WaitEventSet *set = nullptr;
	if (!set) {
		WaitEventSet *fresh = compat::create_wait_event_set(3);
		AddWaitEventToSet(fresh, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
		if (IsUnderPostmaster) // single-user mode has no postmaster that could die
			AddWaitEventToSet(fresh, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
		AddWaitEventToSet(fresh, WL_SOCKET_READABLE, fd, nullptr, nullptr);
		set = fresh;
	}
	return set;
}

} // namespace

void ServerWaiter::wait(int fd) {
	check();
	wait_once(fd, -1);
	check();
}

void ServerWaiter::check() {
	if (!InterruptPending)
		return;
	// Cancel and terminate must not raise here: first every C++ object goes, then entry() lets the server raise.
	if ((QueryCancelPending || ProcDiePending) && InterruptHoldoffCount == 0 && CritSectionCount == 0)
		throw Interrupted();
	guard([] { CHECK_FOR_INTERRUPTS(); });
}

void wait_once(int fd, long timeout_ms) {
	guard([&] {
		// The snapshot of a catalog look-up would hold back vacuum for as long as we wait.
		InvalidateCatalogSnapshotConditionally();
		WaitEvent event;
		const int count = WaitEventSetWait(wait_set(fd), timeout_ms, &event, 1, compat::wait_event());
		if (count > 0 && (event.events & WL_LATCH_SET))
			ResetLatch(MyLatch);
	});
}

} // namespace ob::pg
