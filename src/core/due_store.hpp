// What syncing everything that is due needs of the database: candidates to claim, and the end of a claim. C++ regime.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/secret.hpp"
#include "core/store.hpp"

#include "core/pure.hpp"

namespace ob {

/// A claimed connection, read after the claim.
struct DueConnection {
	SyncTarget target;
	std::string server;
	std::map<std::string, Secret, std::less<>> tokens; // by kind: "access_token"
};

/// What a circuit breaker holds back.
enum class BreakerScope { server, institution };
/// For how long one opens after so many failures in a row; zero: not at all yet.
using BreakerTimes = std::chrono::seconds (*)(BreakerScope scope, std::int64_t failures);

/// All calls are synchronous and commit what they write. Destroying the store gives back what is still claimed.
class DueStore {
public:
	virtual ~DueStore() = default;

	/// Claims up to `limit` due connections, the longest due first: for each its lock, then its lease, all leases in
	/// one commit. One that another session holds is passed over. No connection is handed out twice by one object, so
	/// one that stays due cannot keep a run busy for ever. Fewer than `limit` does not mean the last ones: empty does.
	/// One that cannot be claimed because of itself (its row is held) is passed over too. Those of servers in `later`
	/// are left for a claim that does not name theirs.
	virtual std::vector<ConnectionId> claim(std::size_t limit, const std::set<std::string> &later) = 0;
	/// Throws Error if the connection cannot be used (its tokens do not unseal): that is a failure of this connection
	/// alone, and is recorded as one.
	virtual DueConnection load(ConnectionId id) = 0;
	/// Where results go.
	virtual SyncStore &sync_store() = 0;
	/// A failure that speaks against the claimed connection's server or bank: counts it and opens the breaker for as long
	/// as `opens_for` says of so many in a row. Then none of theirs is claimed, and afterwards one at a time.
	virtual void trip(ConnectionId id, BreakerScope scope, BreakerTimes opens_for) = 0;
	/// The claimed connection's provider has answered; if `bank_too`, its bank as well: their breakers are closed.
	virtual void close_breakers(ConnectionId id, bool bank_too) = 0;
	/// The end of a claim: called once for each claimed connection, after its result has been committed or its failure
	/// recorded. Lets go of the lock and ends the lease, unless finish() or record_failure() did. Throws Error if that
	/// cannot be done: the lease then runs out by itself.
	virtual void release(ConnectionId id) = 0;
};

} // namespace ob

#include "core/pure.hpp"
