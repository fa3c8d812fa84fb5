#include "pg/store/quarantine.hpp"

#include <string>
#include <vector>

#include "crypto/digest.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

/// `Row` has an id and an account_id, which may be empty: any account.
template <class Row>
void settle(ConnectionId id, std::span<const Row> rows) {
	static Statement forget(
	    "DELETE FROM ob.quarantine q WHERE q.connection_id = $1 AND EXISTS (SELECT FROM unnest($2, $3) "
	    "AS i(account_id, transaction_id) WHERE i.transaction_id = q.transaction_id "
	    "AND (i.account_id = '' OR q.account_id IS NULL OR q.account_id = i.account_id))");
	std::vector<std::string> accounts, ids;
	for (const Row &row : rows) {
		accounts.emplace_back(row.account_id);
		ids.emplace_back(row.id);
	}
	forget.run({Param::integer(id), Param::text_array(accounts), Param::text_array(ids)});
}

} // namespace

std::int64_t quarantine(ConnectionId id, std::span<const RejectedRow> rows, std::int64_t attempt) {
	static Statement keep("INSERT INTO ob.quarantine (connection_id, account_id, transaction_id, reason, digest, raw, "
	                      "sync_attempt) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (connection_id, digest) "
	                      "DO UPDATE SET last_seen_at = clock_timestamp(), sync_attempt = EXCLUDED.sync_attempt");
	for (const RejectedRow &row : rows)
		keep.run({Param::integer(id), Param::text_or_null(row.account_id), Param::text_or_null(row.transaction_id),
		          Param::text(row.reason), Param::text(crypto::sha256_hex(row.raw)), Param::text(row.raw),
		          Param::integer(attempt)});
	return static_cast<std::int64_t>(rows.size());
}

void forget_quarantine(ConnectionId id, std::int64_t first, std::int64_t end) {
	static Statement forget(
	    "DELETE FROM ob.quarantine q WHERE connection_id = $1 AND sync_attempt >= $2 AND sync_attempt < $3 AND NOT EXISTS "
	    "(SELECT FROM ob.accounts_all a WHERE a.connection_id = $1 AND a.account_id = q.account_id AND NOT a.sync_enabled)");
	forget.run({Param::integer(id), Param::integer(first), Param::integer(end)});
}

void settle_quarantine(ConnectionId id, std::span<const Transaction> stored) {
	settle(id, stored);
}

void settle_quarantine(ConnectionId id, std::span<const RemovedTransaction> removed) {
	settle(id, removed);
}

} // namespace ob::pg::store
