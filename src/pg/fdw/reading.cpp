// C++ regime.
#include "pg/fdw/reading.hpp"

#include <algorithm>

#include "pg/runtime.hpp"
#include "pg/settings.hpp"
#include "pg/worker/token_keeper.hpp"

namespace ob::pg::fdw {

namespace {

// Pages in memory, in answers of the largest size: 64 MB by default. Until one is there, each is taken for a quarter of
// that size: so many requests go out at first.
constexpr std::size_t kLargestHeld = 4;
constexpr std::size_t kFirstGuess = 4;

/// A provider that is asked for accounts answers so if it does not know one of them.
bool is_unknown_account(const ProviderError &error) {
	return error.code() == ErrorCode::not_found;
}

std::vector<std::string> ids_of(const AccountList &list) {
	std::vector<std::string> ids;
	for (const Account &account : list.accounts)
		ids.push_back(account.id);
	return ids;
}

} // namespace

Reading::Reading(Order order, providers::CallStats &calls, ReadStats &stats)
    : order_(std::move(order)), calls_(calls), stats_(stats),
      max_workers_(std::min(order_.connections.size(), static_cast<std::size_t>(settings::max_parallel()))),
      loop_(Runtime::get().reactor(), Runtime::get().waiter()),
      gate_(kLargestHeld * settings::max_response_size(), settings::max_response_size() / kFirstGuess), group_(loop_) {}

std::optional<Batch> Reading::next() {
	if (workers_ == 0 && max_workers_ > 0) {
		add_worker();
		if (!order_.limited)
			add_all_workers();
	}
	handover_.release();
	if (handover_.ready())
		loop_.run_ready([&] { return failure_ != nullptr; });
	else
		loop_.drive([&] { return handover_.ready() || failure_ || group_.running() == 0; });
	group_.reap();
	if (failure_)
		std::rethrow_exception(failure_);
	if (!handover_.ready()) {
		check_accounts();
		return std::nullopt;
	}
	return handover_.take();
}

void Reading::prefetch() {
	handover_.release();
	add_all_workers();
	// Nobody works on after a failure: the server may have raised it, and then nothing may be asked of it any more.
	loop_.run_ready([&] { return failure_ != nullptr; });
	if (failure_)
		std::rethrow_exception(failure_);
}

Task<void> Reading::work() {
	while (next_ < order_.connections.size() && !failure_) {
		const store::Connection *connection = &order_.connections[next_++];
		try {
			co_await read(connection);
		} catch (...) {
			// The first failure is the statement's; the others are requests that will be ended with it.
			if (!failure_) {
				failure_ = std::current_exception();
				failed_ = connection;
			}
			co_return;
		}
		// A connection read to its end without stopping the query: the query seems to want more.
		add_worker();
	}
}

Task<void> Reading::read(const store::Connection *connection) {
	++stats_.connections;
	if (order_.object == Object::transactions)
		co_await read_transactions(connection);
	else
		co_await read_accounts(connection);
}

Task<void> Reading::read_accounts(const store::Connection *connection) {
	ByteGate::Pass pass(gate_);
	co_await pass;
	std::optional<AccountList> list;
	std::vector<std::string> ids = order_.window.account_ids;
	try {
		list = co_await fetch_object(connection, std::move(ids));
		account_found_ = true;
	} catch (const ProviderError &error) {
		if (order_.window.account_ids.empty() || !is_unknown_account(error))
			throw;
		note_unknown_account(error);
	}
	if (!list) {
		list = co_await own_accounts(connection);
		if (list->accounts.empty())
			co_return;
		account_found_ = true;
		if (order_.object == Object::balances) {
			std::vector<std::string> own = ids_of(*list);
			list = co_await fetch_object(connection, std::move(own));
		}
	}
	pass.fetched(list->bytes);
	++stats_.pages;
	stats_.rows += static_cast<std::int64_t>(list->accounts.size());
	if (list->accounts.empty())
		co_return;
	Batch batch = make_batch(connection);
	batch.accounts = std::move(list->accounts);
	Handover<Batch>::Put put(handover_, std::move(batch));
	co_await put;
}

Task<void> Reading::read_transactions(const store::Connection *connection) {
	providers::Window window = order_.window;
	std::unique_ptr<providers::WindowReader> reader;
	for (;;) {
		ByteGate::Pass pass(gate_);
		co_await pass;
		const bool first = !reader;
		if (first)
			reader = open_window(*connection, window);
		std::optional<TransactionPage> page;
		bool unknown = false;
		try {
			page = co_await reader->next();
			account_found_ = true;
		} catch (const ProviderError &error) {
			if (!first || window.account_ids.empty() || !is_unknown_account(error))
				throw;
			note_unknown_account(error);
			unknown = true;
		}
		if (unknown) {
			const AccountList own = co_await own_accounts(connection);
			if (own.accounts.empty())
				co_return;
			account_found_ = true;
			window.account_ids = ids_of(own);
			reader = open_window(*connection, window);
			page = co_await reader->next();
		}
		if (!page)
			co_return;
		pass.fetched(page->bytes);
		++stats_.pages;
		stats_.rows += static_cast<std::int64_t>(page->rows.size() + page->rejected.size());
		Batch batch = make_batch(connection);
		batch.page = std::move(*page);
		Handover<Batch>::Put put(handover_, std::move(batch));
		co_await put;
	}
}

Task<AccountList> Reading::own_accounts(const store::Connection *connection) {
	AccountList own;
	if (order_.window.account_ids.size() == 1) // the one that was just refused
		co_return own;
	std::vector<std::string> all;
	own = co_await fetch_accounts(connection, std::move(all));
	std::erase_if(own.accounts, [&](const Account &account) { return !is_asked_for(account); });
	co_return own;
}

Task<AccountList> Reading::fetch_accounts(const store::Connection *connection, std::vector<std::string> ids) {
	providers::Session session = session_for(*connection);
	providers::Credentials credentials = store::load_credentials(*connection);
	co_return co_await server_of(*connection)
	    .provider->accounts(std::move(session), std::move(credentials), std::move(ids));
}

Task<AccountList> Reading::fetch_object(const store::Connection *connection, std::vector<std::string> ids) {
	if (order_.object == Object::accounts)
		co_return co_await fetch_accounts(connection, std::move(ids));
	providers::Session session = session_for(*connection);
	providers::Credentials credentials = store::load_credentials(*connection);
	co_return co_await server_of(*connection)
	    .provider->balances(std::move(session), std::move(credentials), std::move(ids));
}

std::unique_ptr<providers::WindowReader> Reading::open_window(const store::Connection &connection,
                                                              const providers::Window &window) {
	return server_of(connection)
	    .provider->read_window(session_for(connection), store::load_credentials(connection), window);
}

bool Reading::is_asked_for(const Account &account) const {
	const std::vector<std::string> &asked = order_.window.account_ids;
	return std::find(asked.begin(), asked.end(), account.id) != asked.end();
}

void Reading::add_worker() {
	if (workers_ >= max_workers_ || next_ >= order_.connections.size())
		return;
	++workers_;
	group_.spawn(work());
}

void Reading::add_all_workers() {
	while (workers_ < max_workers_ && next_ < order_.connections.size())
		add_worker();
}

const store::LoadedServer &Reading::server_of(const store::Connection &connection) {
	const auto key = std::pair(connection.server, connection.mapping_role);
	const auto known = servers_.find(key);
	if (known != servers_.end())
		return known->second;
	return servers_.emplace(key, store::load_server(connection.server, connection.mapping_role)).first->second;
}

providers::Session Reading::session_for(const store::Connection &connection) {
	return worker::connection_session(server_of(connection), connection, calls_);
}

Batch Reading::make_batch(const store::Connection *connection) const {
	Batch batch;
	batch.connection = static_cast<std::size_t>(connection - order_.connections.data());
	return batch;
}

void Reading::note_unknown_account(const ProviderError &error) {
	if (!unknown_account_)
		unknown_account_ = error;
}

void Reading::check_accounts() const {
	if (account_found_ || !unknown_account_)
		return;
	const std::size_t read = order_.connections.size();
	throw Error(ErrorCode::not_found,
	            order_.window.account_ids.size() == 1 ? "account does not exist" : "none of the accounts exists",
	            std::to_string(read) +
	                (read == 1 ? " connection was asked; " : " connections were asked; the first: ") +
	                unknown_account_->detail(),
	            "Account ids are in ob_accounts; the user may have withdrawn or closed an account.");
}

} // namespace ob::pg::fdw
