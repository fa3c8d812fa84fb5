// How a loop waits inside a backend: latch, postmaster death and one fd. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include "core/loop.hpp"

namespace ob::pg {

/// Waits in a wait event set; throws Interrupted for cancel and terminate, ServerError for what other interrupts raise.
class ServerWaiter final : public Waiter {
public:
	void wait(int fd) override;
	void check() override;
};

/// One wait for latch, postmaster death (exits the process) and `fd`, at most `timeout_ms` (-1: for ever). Resets the
/// latch. Throws ServerError; looks at no interrupt.
void wait_once(int fd, long timeout_ms);

} // namespace ob::pg
