#include "pg/locks.hpp"

#include "pg/guard.hpp"

namespace ob::pg {

namespace {

LOCKTAG make_tag(LockClass lock_class, std::int64_t id) {
	LOCKTAG tag;
	const auto bits = static_cast<std::uint64_t>(id);
	// SQL's advisory functions use 1 and 2 as the last field.
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(bits >> 32), static_cast<uint32>(bits),
						 static_cast<uint16>(lock_class));
	return tag;
}

} // namespace

bool try_lock(LockClass lock_class, std::int64_t id, LockScope scope) {
	const LOCKTAG tag = make_tag(lock_class, id);
	return guard([&] {
		const LockAcquireResult got = LockAcquire(&tag, ExclusiveLock, scope == LockScope::session, true);
		// The server counts a second session lock of one process; for us another task of it works already.
		if (got == LOCKACQUIRE_ALREADY_HELD && scope == LockScope::session) {
			LockRelease(&tag, ExclusiveLock, true);
			return false;
		}
		return got != LOCKACQUIRE_NOT_AVAIL;
	});
}

void unlock_session(LockClass lock_class, std::int64_t id) {
	const LOCKTAG tag = make_tag(lock_class, id);
	guard([&] { LockRelease(&tag, ExclusiveLock, true); });
}

void unlock_transaction(LockClass lock_class, std::int64_t id) {
	const LOCKTAG tag = make_tag(lock_class, id);
	guard([&] { LockRelease(&tag, ExclusiveLock, false); });
}

HeldLock::~HeldLock() {
	if (!held_)
		return;
	try {
		unlock_session(lock_class_, id_);
	} catch (...) {
		// The process's end frees it.
	}
}

HeldLock HeldLock::take(LockClass lock_class, std::int64_t id) {
	HeldLock lock;
	lock.lock_class_ = lock_class;
	lock.id_ = id;
	lock.held_ = try_lock(lock_class, id, LockScope::session);
	return lock;
}

bool is_locked(LockClass lock_class, std::int64_t id) {
	const LOCKTAG tag = make_tag(lock_class, id);
	return guard([&] {
		const LockAcquireResult got = LockAcquire(&tag, ShareLock, true, true);
		if (got == LOCKACQUIRE_NOT_AVAIL)
			return true;
		LockRelease(&tag, ShareLock, true);
		return false;
	});
}

} // namespace ob::pg
