#include "pg/sqlapi/connection_lock.hpp"

#include <chrono>
#include <exception>
#include <optional>
#include <string>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "pg/settings.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/store/owner.hpp"
#include "pg/worker/client.hpp"

namespace ob::pg::sqlapi {

namespace {

using namespace std::chrono_literals;

std::optional<std::int64_t> open_rotation(ConnectionId id) {
	std::optional<std::int64_t> rotation;
	store::as_owner([&] { rotation = store::find_open_rotation(id); });
	return rotation;
}

/// Nobody carries it on, and whoever could have did not get to know more.
bool is_given_up(ConnectionId id, std::int64_t rotation) {
	return !is_locked(LockClass::outcome, rotation) && open_rotation(id) == rotation;
}

/// Takes the lock unless someone has it or the token is being replaced.
bool try_connection(ConnectionId id, LockScope scope) {
	if (!try_lock(LockClass::connection, id, scope))
		return false;
	bool keep = false;
	std::exception_ptr failure;
	try {
		// Its intent was committed before its caller let go of the lock.
		keep = !open_rotation(id);
	} catch (...) {
		failure = std::current_exception();
	}
	// No end of a transaction frees a session's lock.
	if (!keep && scope == LockScope::session)
		unlock_session(LockClass::connection, id);
	if (failure)
		std::rethrow_exception(failure);
	return keep;
}

} // namespace

Task<bool> wait_for_lock(ConnectionId id, LockScope scope) {
	const auto deadline = std::chrono::steady_clock::now() + settings::claim_timeout();
	for (;;) {
		const std::optional<std::int64_t> rotation = open_rotation(id);
		if (!rotation && try_connection(id, scope))
			co_return true;
		if (std::chrono::steady_clock::now() >= deadline || (rotation && is_given_up(id, *rotation)))
			co_return false;
		Sleep pause(20ms);
		co_await pause;
	}
}

Task<void> lock_for_transaction(ConnectionId id) {
	Task<bool> recovered = worker::recover(id, {});
	(void)co_await recovered;
	Task<bool> locking = wait_for_lock(id, LockScope::transaction);
	if (!co_await locking)
		throw Error(ErrorCode::not_configured, "another session works on connection " + std::to_string(id), {},
		            "Try again later.");
}

Task<bool> wait_for_rotation(ConnectionId id) {
	const auto deadline = std::chrono::steady_clock::now() + settings::claim_timeout();
	while (const std::optional<std::int64_t> rotation = open_rotation(id)) {
		if (std::chrono::steady_clock::now() >= deadline || is_given_up(id, *rotation))
			co_return false;
		Sleep pause(20ms);
		co_await pause;
	}
	co_return true;
}

bool with_free_connection(ConnectionId id, const std::function<void()> &body) {
	if (!try_lock(LockClass::connection, id, LockScope::session))
		return false;
	std::exception_ptr failure;
	try {
		body();
	} catch (...) {
		failure = std::current_exception();
	}
	unlock_session(LockClass::connection, id);
	if (failure)
		std::rethrow_exception(failure);
	return true;
}

} // namespace ob::pg::sqlapi
