// Programs of the operator's, run beside a statement. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <chrono>
#include <cstddef>
#include <string>

#include "core/secret.hpp"

namespace ob::pg {

struct CommandResult {
	enum class End { exited, too_long, timed_out };
	End end = End::exited;
	int status = 0;         // as waitpid() gives it; of one that exited
	WipedString output;     // at most what was allowed
	std::size_t errors = 0; // bytes of its standard error, which are not kept: they may hold what the output should
};

/// Runs `command` in /bin/sh with an empty standard input and none of our descriptors, in a process group of its own.
/// Waits as every operation does; whatever ends the wait, and too much output or time, kills the whole group at once.
/// Throws Interrupted, ServerError, and Error(internal) if there is no process to be had.
CommandResult run_command(const std::string &command, std::size_t most_output, std::chrono::milliseconds time_limit);

} // namespace ob::pg
