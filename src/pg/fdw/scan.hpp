// One scan of a live table, from begin to end: what the callbacks in callbacks.cpp drive. C++ regime.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "executor/executor.h"
#include "nodes/execnodes.h"
}

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pg/fdw/reading.hpp"
#include "pg/fdw/rows.hpp"
#include "pg/fdw/wanted.hpp"

namespace ob::pg::fdw {

class Scan {
public:
	/// Checks the table's columns and prepares the conditions. Makes no call, reads no connection. `page` is memory
	/// that lives as long as a block of rows.
	Scan(ForeignScanState *node, MemoryContext page);
	Scan(const Scan &) = delete;
	Scan &operator=(const Scan &) = delete;

	/// Replaces the block, all of whose rows have been handed out, by the next one. False at the end.
	bool fill(Block *block);
	/// The block's rows are about to end: see Block::last_call.
	void last_call(Block *block);
	/// Forgets everything that was read. Conditions are evaluated anew by the next fill().
	void restart() noexcept;

	/// For EXPLAIN, before anything runs: how many connections are left by the conditions whose values are known.
	std::size_t expected_connections();

	/// What the scan is at, for the context of an error; empty if at nothing in particular. Lives as long as the scan.
	const char *context() const { return context_.c_str(); }

	Object object() const { return object_; }
	const providers::CallStats &calls() const { return calls_; }
	const ReadStats &stats() const { return stats_; }

private:
	void start();
	/// The connections that are to be read. Rights are checked even where there are none.
	std::vector<store::Connection> choose(const Wanted &wanted);
	/// Drops the connections that conditions on connection columns exclude.
	void apply_conditions(std::vector<store::Connection> &connections);
	bool next_batch();
	/// Takes a step of the reading; a connection's failure is named in the context and reported before it goes on.
	void read(const std::function<void()> &step);
	void build(Block *block);
	void set_context(const store::Connection *connection);

	ForeignScanState *node_;
	MemoryContext page_;
	Object object_;
	std::string server_;
	bool limited_;
	std::vector<Cell> cells_;            // columns that somebody looks at
	std::vector<Cell> connection_cells_; // columns that a connection alone decides
	int width_;
	std::vector<ReadyCondition> conditions_;
	ExprState *about_connection_ = nullptr; // null: no such condition

	std::unique_ptr<Reading> reading_;
	bool started_ = false;
	std::optional<Batch> batch_;
	std::size_t built_ = 0; // rows of the batch that are built
	Timestamp read_at_{};
	std::string context_;
	providers::CallStats calls_;
	ReadStats stats_;
};

/// The plan is only shown, never run. Plain read.
inline bool is_explain_only(const ForeignScanState *node) {
	return (node->ss.ps.state->es_top_eflags & EXEC_FLAG_EXPLAIN_ONLY) != 0;
}

/// What the server keeps for a scan: plain data in the scan's memory context.
struct ScanState {
	MemoryContextCallback callback;
	MemoryContext page;
	Scan *scan;
	Block block;
};

} // namespace ob::pg::fdw
