#include "pg/store/accounts.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/time.hpp"
#include "pg/store/sql.hpp"

namespace ob::pg::store {

namespace {

// An account's columns travel as text arrays ("" for NULL): there are few, so casting costs nothing.
constexpr const char *kUpsert =
    "INSERT INTO ob.accounts_all AS a (connection_id, account_id, name, official_name, type, provider_type, "
    "provider_subtype, mask, iban, currency, balance_current, balance_available, credit_limit, balance_at, status, "
    "raw) "
    "SELECT $1, i.account_id, i.name, i.official_name, i.type, i.provider_type, i.provider_subtype, i.mask, i.iban, "
    "i.currency, i.balance_current, i.balance_available, i.credit_limit, COALESCE(i.balance_at, clock_timestamp()), "
    "i.status, i.raw "
    "FROM (SELECT account_id, NULLIF(name, '') AS name, NULLIF(official_name, '') AS official_name, type, "
    "NULLIF(provider_type, '') AS provider_type, NULLIF(provider_subtype, '') AS provider_subtype, "
    "NULLIF(mask, '') AS mask, NULLIF(iban, '') AS iban, NULLIF(currency, '') AS currency, "
    "NULLIF(balance_current, '')::numeric AS balance_current, NULLIF(balance_available, '')::numeric AS "
    "balance_available, "
    "NULLIF(credit_limit, '')::numeric AS credit_limit, NULLIF(balance_at, '')::timestamptz AS balance_at, "
    "NULLIF(status, '') AS status, NULLIF(raw, '')::jsonb AS raw "
    "FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) AS u(account_id, name, "
    "official_name, "
    "type, provider_type, provider_subtype, mask, iban, currency, balance_current, balance_available, credit_limit, "
    "balance_at, status, raw)) i "
    "LEFT JOIN ob.accounts_all o ON o.connection_id = $1 AND o.account_id = i.account_id "
    "WHERE o.account_id IS NULL OR o.removed_at IS NOT NULL OR o.name IS DISTINCT FROM i.name "
    "OR o.official_name IS DISTINCT FROM i.official_name OR o.type IS DISTINCT FROM i.type "
    "OR o.provider_type IS DISTINCT FROM i.provider_type OR o.provider_subtype IS DISTINCT FROM i.provider_subtype "
    "OR o.mask IS DISTINCT FROM i.mask OR o.iban IS DISTINCT FROM i.iban OR o.currency IS DISTINCT FROM i.currency "
    "OR o.balance_current IS DISTINCT FROM i.balance_current OR o.balance_available IS DISTINCT FROM "
    "i.balance_available "
    "OR o.credit_limit IS DISTINCT FROM i.credit_limit OR o.status IS DISTINCT FROM i.status "
    "OR (i.balance_at IS NOT NULL AND o.balance_at IS DISTINCT FROM i.balance_at) "
    "OR (i.raw IS NOT NULL AND o.raw IS DISTINCT FROM i.raw) "
    "ON CONFLICT (connection_id, account_id) DO UPDATE SET name = EXCLUDED.name, official_name = "
    "EXCLUDED.official_name, "
    "type = EXCLUDED.type, provider_type = EXCLUDED.provider_type, provider_subtype = EXCLUDED.provider_subtype, "
    "mask = EXCLUDED.mask, iban = EXCLUDED.iban, currency = EXCLUDED.currency, "
    // The provider's time, else when this value was first read.
    "balance_at = CASE WHEN (a.balance_current, a.balance_available, a.credit_limit) IS NOT DISTINCT FROM "
    "(EXCLUDED.balance_current, EXCLUDED.balance_available, EXCLUDED.credit_limit) AND NOT (EXCLUDED.account_id = ANY "
    "($17)) "
    "THEN a.balance_at ELSE EXCLUDED.balance_at END, "
    "balance_current = EXCLUDED.balance_current, balance_available = EXCLUDED.balance_available, "
    "credit_limit = EXCLUDED.credit_limit, status = EXCLUDED.status, raw = COALESCE(EXCLUDED.raw, a.raw), "
    "updated_at = clock_timestamp(), removed_at = NULL";

constexpr const char *kRemoveOthers =
    "UPDATE ob.accounts_all SET removed_at = clock_timestamp(), updated_at = clock_timestamp() "
    "WHERE connection_id = $1 AND account_id <> ALL ($2) AND removed_at IS NULL "
    "AND (($3 AND type = 'credit_card') OR ($4 AND type <> 'credit_card'))";

/// The list as columns.
struct Columns {
	std::vector<std::string> values[15];
	std::vector<std::string> dated; // accounts whose balance has the provider's own time

	void add(const Account &account, bool keep_raw) {
		const std::string at = account.balance_at ? time::format_timestamp(*account.balance_at) : std::string();
		const std::string *fields[] = {&account.id,
		                               &account.name,
		                               &account.official_name,
		                               &account.type,
		                               &account.provider_type,
		                               &account.provider_subtype,
		                               &account.mask,
		                               &account.iban,
		                               &account.currency,
		                               &account.balance_current,
		                               &account.balance_available,
		                               &account.credit_limit,
		                               &at,
		                               &account.status};
		std::size_t column = 0;
		for (const std::string *field : fields)
			values[column++].push_back(*field);
		values[column].push_back(keep_raw ? account.raw : std::string());
		if (account.balance_at)
			dated.push_back(account.id);
	}
};

/// Amounts as they are written: another scale makes another text of the same value.
bool is_same(const Account &stored, const Account &sent) {
	return stored.id == sent.id && stored.name == sent.name && stored.official_name == sent.official_name &&
	       stored.type == sent.type && stored.provider_type == sent.provider_type &&
	       stored.provider_subtype == sent.provider_subtype && stored.mask == sent.mask && stored.iban == sent.iban &&
	       stored.currency == sent.currency && stored.balance_current == sent.balance_current &&
	       stored.balance_available == sent.balance_available && stored.credit_limit == sent.credit_limit &&
	       stored.status == sent.status && (!sent.balance_at || stored.balance_at == sent.balance_at);
}

} // namespace

AccountCounts write_accounts(ConnectionId id, const AccountList &list, AccountKinds told, bool keep_raw) {
	static Statement upsert(kUpsert);
	static Statement remove_others(kRemoveOthers);
	Columns columns;
	for (const Account &account : list.accounts)
		columns.add(account, keep_raw);
	std::vector<Param> params{Param::integer(id)};
	for (const auto &column : columns.values)
		params.push_back(Param::text_array(column));
	params.push_back(Param::text_array(columns.dated));

	AccountCounts counts;
	counts.total = static_cast<std::int64_t>(list.accounts.size());
	counts.changed = static_cast<std::int64_t>(upsert.run(params).processed);
	counts.changed += static_cast<std::int64_t>(
	    remove_others
	        .run({Param::integer(id), Param::text_array(columns.values[0]), Param::boolean(tells_of(told, kCardType)),
	              Param::boolean(told != AccountKinds::cards)})
	        .processed);
	return counts;
}

std::map<ConnectionId, std::vector<Account>> live_accounts(std::span<const ConnectionId> ids) {
	static Statement select(
	    "SELECT connection_id, account_id, name, official_name, type, provider_type, provider_subtype, mask, iban, "
	    "currency, "
	    "balance_current, balance_available, credit_limit, status, (extract(epoch from balance_at) * 1000000)::bigint "
	    "FROM ob.accounts_all WHERE connection_id = ANY ($1) AND removed_at IS NULL");
	std::map<ConnectionId, std::vector<Account>> accounts;
	for (const Row &row : select.read_fresh({Param::integer_array(ids)}).rows) {
		Account &account = accounts[row.integer(0)].emplace_back();
		std::size_t column = 1;
		for (std::string *field :
		     {&account.id, &account.name, &account.official_name, &account.type, &account.provider_type,
		      &account.provider_subtype, &account.mask, &account.iban, &account.currency, &account.balance_current,
		      &account.balance_available, &account.credit_limit, &account.status})
			*field = row.text(column++);
		account.balance_at = row.timestamp(column);
	}
	return accounts;
}

bool shows(const std::vector<Account> &stored, const AccountList &list, AccountKinds told) {
	const auto should_come =
	    std::count_if(stored.begin(), stored.end(), [&](const Account &kept) { return tells_of(told, kept.type); });
	// Ids are unique on both sides.
	return static_cast<std::size_t>(should_come) == list.accounts.size() &&
	       std::all_of(list.accounts.begin(), list.accounts.end(), [&](const Account &sent) {
		       return std::any_of(stored.begin(), stored.end(),
		                          [&](const Account &kept) { return is_same(kept, sent); });
	       });
}

bool move_account(ConnectionId id, std::string_view from, std::string_view to) {
	// The numbers are sealed for the row as it was called.
	static Statement account(
	    "UPDATE ob.accounts_all SET account_id = $3, number_sealed = NULL, updated_at = clock_timestamp() "
	    "WHERE connection_id = $1 AND account_id = $2 "
	    "AND NOT EXISTS (SELECT FROM ob.accounts_all a WHERE a.connection_id = $1 AND a.account_id = $3) "
	    "AND NOT EXISTS (SELECT FROM ob.transactions_all t WHERE t.connection_id = $1 AND t.account_id = $3)");
	static Statement transactions("UPDATE ob.transactions_all SET account_id = $3, updated_at = clock_timestamp() "
	                              "WHERE connection_id = $1 AND account_id = $2");
	static Statement quarantine(
	    "UPDATE ob.quarantine SET account_id = $3 WHERE connection_id = $1 AND account_id = $2");
	const std::initializer_list<Param> params{Param::integer(id), Param::text(from), Param::text(to)};
	if (account.run(params).processed == 0)
		return false;
	transactions.run(params);
	quarantine.run(params);
	return true;
}

std::set<std::string, std::less<>> paused_accounts(ConnectionId id) {
	static Statement select("SELECT account_id FROM ob.accounts_all WHERE connection_id = $1 AND NOT sync_enabled");
	std::set<std::string, std::less<>> ids;
	for (const Row &row : select.read_fresh({Param::integer(id)}).rows)
		ids.emplace(row.text(0));
	return ids;
}

bool set_account_enabled(ConnectionId id, std::string_view account_id, bool enabled) {
	static Statement update("UPDATE ob.accounts_all SET sync_enabled = $3, updated_at = clock_timestamp() "
	                        "WHERE connection_id = $1 AND account_id = $2 AND sync_enabled <> $3");
	return update.run({Param::integer(id), Param::text(account_id), Param::boolean(enabled)}).processed > 0;
}

std::string account_ref_for_caller(ConnectionId id, const std::string &account_id) {
	static Statement select("SELECT a.account_ref FROM ob.accounts_all a "
	                        "WHERE a.connection_id OPERATOR(pg_catalog.=) $1 "
	                        "AND a.account_id OPERATOR(pg_catalog.=) $2");
	const Result found = select.read_fresh({Param::integer(id), Param::text(account_id)});
	if (found.rows.empty())
		throw Error(ErrorCode::not_found, "connection " + std::to_string(id) + " has no such account", {},
		            "See the view ob.accounts; a bank that was just linked has to be synced first.");
	return found.rows.front().text(0);
}

bool mark_signs(ConnectionId id, std::string_view account_id, bool suspect) {
	static Statement update("UPDATE ob.accounts_all SET sign_suspect = $3, updated_at = clock_timestamp() "
	                        "WHERE connection_id = $1 AND account_id = $2 AND sign_suspect <> $3");
	return update.run({Param::integer(id), Param::text(account_id), Param::boolean(suspect)}).processed > 0;
}

} // namespace ob::pg::store
