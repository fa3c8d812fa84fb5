#include "pg/sqlapi/connection_lock.hpp"

#include <chrono>

#include "core/loop.hpp"
#include "pg/settings.hpp"

namespace ob::pg::sqlapi {

Task<bool> wait_for_lock(ConnectionId id, LockScope scope, bool *waited) {
	using namespace std::chrono_literals;
	const auto deadline = std::chrono::steady_clock::now() + settings::claim_timeout();
	while (!try_lock(LockClass::connection, id, scope)) {
		if (waited)
			*waited = true;
		if (std::chrono::steady_clock::now() >= deadline)
			co_return false;
		Sleep pause(20ms);
		co_await pause;
	}
	co_return true;
}

} // namespace ob::pg::sqlapi
