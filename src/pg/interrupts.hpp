// Putting off cancel and terminate. C++ regime.
#pragma once

#include "pg/postgres.hpp"

namespace ob::pg {

/// Nothing is cancelled while this lives, but for what follows a server error, which lets go of it. However it ends, it
/// leaves things as it found them.
class HoldInterrupts {
public:
	HoldInterrupts() : before_(InterruptHoldoffCount) { HOLD_INTERRUPTS(); }
	HoldInterrupts(const HoldInterrupts &) = delete;
	HoldInterrupts &operator=(const HoldInterrupts &) = delete;
	~HoldInterrupts() { InterruptHoldoffCount = before_; }

private:
	uint32 before_;
};

} // namespace ob::pg
