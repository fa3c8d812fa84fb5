// The executor's doors to a scan. Plain data only outside entry(): errors jump over these frames.
#include "pg/entry.hpp"

extern "C" {
#include "executor/executor.h"
#include "storage/ipc.h"
}

#include <cstring>
#include <utility>

#include "pg/fdw/callbacks.hpp"
#include "pg/fdw/scan.hpp"

namespace ob::pg::fdw {

namespace {

ScanState *state_of(ForeignScanState *node) {
	return static_cast<ScanState *>(node->fdw_state);
}

/// The scan's C++ half goes: at the end, or with its memory when the statement fails. Twice does no harm.
void dispose(void *state) {
	// A process that is told to go may be in the middle of one of the scan's coroutines, which must not be destroyed
	// while it runs; the system takes back memory and sockets.
	if (proc_exit_inprogress)
		return;
	delete std::exchange(static_cast<ScanState *>(state)->scan, nullptr);
}

/// Server regime.
ScanState *make_state(ForeignScanState *node) {
	MemoryContext memory =
	    AllocSetContextCreate(node->ss.ps.state->es_query_cxt, "openbanking scan", ALLOCSET_SMALL_SIZES);
	auto *state = static_cast<ScanState *>(MemoryContextAllocZero(memory, sizeof(ScanState)));
	state->page = AllocSetContextCreate(memory, "openbanking page", ALLOCSET_DEFAULT_SIZES);
	state->callback.func = dispose;
	state->callback.arg = state;
	MemoryContextRegisterResetCallback(memory, &state->callback);
	return state;
}

/// Names the connection in the context of an error.
void add_context(void *state) {
	const Scan *scan = static_cast<ScanState *>(state)->scan;
	if (scan && scan->context()[0] != '\0')
		errcontext("%s", scan->context());
}

/// Runs `body` in the C++ regime; what it raises names the connection the scan was at.
template <class Body>
bool enter(ScanState *state, Body body) {
	ErrorContextCallback context;
	context.callback = add_context;
	context.arg = state;
	context.previous = error_context_stack;
	error_context_stack = &context;
	const bool result = entry(body);
	error_context_stack = context.previous;
	return result;
}

} // namespace

void begin_foreign_scan(ForeignScanState *node, [[maybe_unused]] int flags) {
	entry([&] {
		ScanState *state = guard([&] { return make_state(node); });
		// EXPLAIN checks the table too, so that it does not show a plan that cannot run.
		state->scan = new Scan(node, state->page);
		node->fdw_state = state;
	});
}

TupleTableSlot *iterate_foreign_scan(ForeignScanState *node) {
	ScanState *state = state_of(node);
	Block &block = state->block;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	ExecClearTuple(slot);
	if (block.next == block.count && !enter(state, [&] { return state->scan->fill(&state->block); }))
		return slot;
	if (block.next == block.last_call)
		enter(state, [&] {
			state->scan->last_call(&state->block);
			return true;
		});
	const auto width = static_cast<std::size_t>(block.width);
	const std::size_t first = width * static_cast<std::size_t>(block.next++);
	std::memcpy(slot->tts_values, block.values + first, width * sizeof(Datum));
	std::memcpy(slot->tts_isnull, block.nulls + first, width * sizeof(bool));
	return ExecStoreVirtualTuple(slot);
}

void rescan_foreign_scan(ForeignScanState *node) {
	ScanState *state = state_of(node);
	if (!state)
		return;
	entry([&] {
		state->scan->restart();
		state->block = Block{};
		guard([&] { MemoryContextReset(state->page); });
	});
}

void end_foreign_scan(ForeignScanState *node) {
	if (ScanState *state = state_of(node))
		entry([&] { dispose(state); });
}

} // namespace ob::pg::fdw
