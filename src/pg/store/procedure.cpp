#include "pg/store/procedure.hpp"

extern "C" {
#include "access/xact.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
}

#include <string>

#include "core/error.hpp"
#include "pg/guard.hpp"

namespace ob::pg::store {

void in_procedure(FunctionCallInfo fcinfo, const char *name, const std::function<void()> &body) {
	const bool may_commit = fcinfo->context && IsA(fcinfo->context, CallContext) &&
							!reinterpret_cast<CallContext *>(fcinfo->context)->atomic && !IsSubTransaction();
	if (!may_commit)
		throw Error(ErrorCode::invalid_transaction, std::string(name) + " commits by itself and cannot run here", {},
					"CALL it on its own, outside BEGIN … COMMIT, functions and EXCEPTION blocks.");
	guard([] {
		if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
			elog(ERROR, "could not connect to SPI");
	});
	// On an error the transaction's end closes SPI. The transaction that CALL began may have its snapshot already.
	commit();
	body();
	guard([] { SPI_finish(); });
}

void set_durability(Durability durability) {
	const char *value = durability == Durability::soon ? "off" : "local";
	if (durability == Durability::at_once ||
	    (durability == Durability::certain && synchronous_commit > SYNCHRONOUS_COMMIT_OFF))
		return;
	guard([&] {
		(void)set_config_option("synchronous_commit", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
		                        false);
	});
}

void commit(Durability durability) {
	set_durability(durability);
	guard([] {
		SPI_commit();
		XactIsoLevel = XACT_READ_COMMITTED;
	});
}

namespace {

const Loop *committing = nullptr;

} // namespace

CommittingLoop::CommittingLoop(Waiter &waiter) : Loop(Runtime::get().reactor(), waiter), outer_(committing) {
	committing = this;
}

CommittingLoop::~CommittingLoop() {
	committing = outer_;
}

bool may_commit_in(const Loop &loop) noexcept {
	return committing == &loop;
}

void ProcedureWaiter::wait(int fd) {
	// Whoever has read anything holds locks on tables; that a snapshot was taken shows, even when it is gone.
	if (FirstSnapshotSet || TransactionIdIsValid(GetTopTransactionIdIfAny()))
		commit();
	waiter_.wait(fd);
}

} // namespace ob::pg::store
