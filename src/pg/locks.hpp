// Advisory locks of our own, outside the key space of SQL's pg_advisory_lock. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <utility>

namespace ob::pg {

enum class LockClass : std::uint16_t {
	connection = 0x0b01,  // who syncs or changes a connection
	outcome = 0x0b02,     // held by the worker that carries an intent out: free means that it died
	sync_worker = 0x0b03, // held by the database's sync worker; id 0
	client = 0x0b04,      // who sends credentials that nobody knows to be good
	webhook_key = 0x0b05, // who has a key fetched that webhooks of a server are signed with
	webhook_worker = 0x0b06, // held by the database's webhook workers; id 0 by the one that stays
	token = 0x0b07,       // of a connection: who has its tokens renewed
	renewal = 0x0b08,     // of a connection: held by the worker that renews them, whatever becomes of who asked for it
};

enum class LockScope { session, transaction };

/// Takes the lock if it is free; true if it was taken. A session lock that this process holds already is not free.
bool try_lock(LockClass lock_class, std::int64_t id, LockScope scope);
void unlock_session(LockClass lock_class, std::int64_t id);

/// Before the transaction's end, by whoever took it.
void unlock_transaction(LockClass lock_class, std::int64_t id);

/// A session lock that is let go with the object.
class HeldLock {
public:
	HeldLock() = default;
	HeldLock(HeldLock &&other) noexcept
	    : lock_class_(other.lock_class_), id_(other.id_), held_(std::exchange(other.held_, false)) {}
	HeldLock &operator=(HeldLock &&other) noexcept {
		std::swap(lock_class_, other.lock_class_);
		std::swap(id_, other.id_);
		std::swap(held_, other.held_);
		return *this;
	}
	~HeldLock();
	/// Empty if it is not free.
	static HeldLock take(LockClass lock_class, std::int64_t id);
	explicit operator bool() const noexcept { return held_; }

private:
	LockClass lock_class_{};
	std::int64_t id_ = 0;
	bool held_ = false;
};

/// Whether some process holds it.
bool is_locked(LockClass lock_class, std::int64_t id);

} // namespace ob::pg
