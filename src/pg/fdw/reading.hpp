// Reads several connections at once and hands their pages over one by one. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <exception>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/byte_gate.hpp"
#include "core/handover.hpp"
#include "core/loop.hpp"
#include "core/model.hpp"
#include "pg/fdw/columns.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/servers.hpp"
#include "providers/provider.hpp"

namespace ob::pg::fdw {

/// What one call brought: transactions, or accounts with their balances.
struct Batch {
	std::size_t connection = 0; // index into Reading::connections()
	std::vector<Account> accounts;
	TransactionPage page;

	std::size_t rows() const { return accounts.size() + page.rows.size(); }
};

/// What a scan counts besides the calls themselves.
struct ReadStats {
	std::int64_t connections = 0; // that a call was made for
	std::int64_t pages = 0;
	std::int64_t rows = 0;
};

/// One execution of a scan. Destroying it ends every request. Each worker reads one connection after another and holds
/// one page at most; a consumer that stops taking stops them. However many they are, their pages together are kept to
/// four of the largest answers that may come (openbanking.max_response_size): who finds no room waits.
class Reading {
public:
	struct Order {
		Object object = Object::accounts;
		std::vector<store::Connection> connections;
		providers::Window window;
		/// The query will probably stop early: begin with one worker and add more once its rows are used.
		bool limited = false;
	};

	/// Makes no call yet. The counters outlive it.
	Reading(Order order, providers::CallStats &calls, ReadStats &stats);
	Reading(const Reading &) = delete;
	Reading &operator=(const Reading &) = delete;

	/// The next batch, nothing at the end. Throws the first failure of any connection, then failed() names it.
	std::optional<Batch> next();
	/// The batch taken last will be used up soon: its worker asks for the next page meanwhile. Throws as next() does.
	void prefetch();

	const std::vector<store::Connection> &connections() const { return order_.connections; }
	/// The connection whose failure was thrown; null if the reason was another one.
	const store::Connection *failed() const { return failed_; }

private:
	/// Reads connections until none is left.
	Task<void> work();
	Task<void> read(const store::Connection *connection);
	Task<void> read_accounts(const store::Connection *connection);
	Task<void> read_transactions(const store::Connection *connection);
	/// The accounts asked for that are the connection's own, after its provider has refused them together.
	Task<AccountList> own_accounts(const store::Connection *connection);
	Task<AccountList> fetch_accounts(const store::Connection *connection, std::vector<std::string> ids);
	/// As the object says: accounts from the provider's copy, or balances from the bank.
	Task<AccountList> fetch_object(const store::Connection *connection, std::vector<std::string> ids);
	std::unique_ptr<providers::WindowReader> open_window(const store::Connection &connection,
	                                                     const providers::Window &window);
	bool is_asked_for(const Account &account) const;

	void add_worker();
	void add_all_workers();
	const store::LoadedServer &server_of(const store::Connection &connection);
	providers::Session session_for(const store::Connection &connection);
	Batch make_batch(const store::Connection *connection) const;
	void note_unknown_account(const ProviderError &error);
	/// Throws if no connection has any of the accounts asked for.
	void check_accounts() const;

	Order order_;
	providers::CallStats &calls_;
	ReadStats &stats_;
	std::map<std::pair<std::string, std::string>, store::LoadedServer> servers_; // by server and mapping role
	std::size_t next_ = 0;    // connection that the next free worker takes
	std::size_t workers_ = 0; // begun so far
	std::size_t max_workers_;
	bool account_found_ = false;
	std::optional<ProviderError> unknown_account_; // the first answer of that kind
	std::exception_ptr failure_;
	const store::Connection *failed_ = nullptr;

	// In this order: tasks go first, then what they wait in.
	Loop loop_;
	ByteGate gate_;
	Handover<Batch> handover_;
	TaskGroup group_;
};

} // namespace ob::pg::fdw
