// What procedures that commit by themselves share. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <functional>

#include "core/loop.hpp"
#include "core/store.hpp"
#include "pg/runtime.hpp"

namespace ob::pg::store {

/// Runs `body` with SPI connected so that it may commit. Throws invalid_transaction (2D000) if the caller's context does
/// not allow that, before `body` does anything.
void in_procedure(FunctionCallInfo fcinfo, const char *name, const std::function<void()> &body);

/// How the present transaction is to commit.
void set_durability(Durability durability);

/// Ends a transaction and begins the next. That one is READ COMMITTED whatever the session's default: each unit must see
/// what others have committed, and none may fail because they have.
void commit(Durability durability = Durability::at_once);

/// Waits as ServerWaiter does, but first ends the transaction if anything was read or written in it: neither a snapshot
/// nor a transaction id is held while a bank is waited for.
class ProcedureWaiter final : public Waiter {
public:
	explicit ProcedureWaiter(Waiter &waiter) : waiter_(waiter) {}
	void wait(int fd) override;
	void check() override { waiter_.check(); }

private:
	Waiter &waiter_;
};

/// A loop of in_procedure().
class CommittingLoop final : public Loop {
public:
	explicit CommittingLoop(Waiter &waiter);
	~CommittingLoop();

private:
	const Loop *outer_;
};

/// Whether what runs in this loop may commit. What a trigger runs in one of its own may not.
bool may_commit_in(const Loop &loop) noexcept;

/// Runs a task inside in_procedure().
template <class T>
T run_committing(Task<T> task) {
	ProcedureWaiter waiter(Runtime::get().waiter());
	CommittingLoop loop(waiter);
	return loop.run(std::move(task));
}

} // namespace ob::pg::store
