#include "pg/worker/token_keeper.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
}

#include <chrono>
#include <memory>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "pg/guard.hpp"
#include "pg/locks.hpp"
#include "pg/runtime.hpp"
#include "pg/settings.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sync_store.hpp"
#include "pg/store/tokens.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/renewal.hpp"
#include "providers/token_keeper.hpp"

namespace ob::pg::worker {

namespace {

using namespace std::chrono_literals;
using store::AccessToken;

Task<void> ask_worker(store::LoadedServer server, store::Connection connection, std::string digest) {
	if (guard([] { return RecoveryInProgress(); }))
		throw Error(ErrorCode::not_configured, "a standby renews no tokens",
		            "server: " + connection.server + ", connection: " + std::to_string(connection.id),
		            "Ask the primary; its new tokens are here soon.");
	Request request = request_for("renew", server, connection.mapping_role);
	request.connection = connection.id;
	request.token_digest = std::move(digest);
	Task<std::string> called = call(std::move(request));
	const std::string result = co_await called;
	throw_refusal(result);
}

/// What is stored counts: other processes renew it too. One process at a time has a worker renew it, the others wait
/// and take what that one got.
class StoredTokens final : public providers::TokenKeeper {
public:
	StoredTokens(store::LoadedServer server, store::Connection connection)
	    : server_(std::move(server)), connection_(std::move(connection)) {}

	Task<Secret> current() override {
		if (!is_good(known_, {}))
			known_ = read();
		if (is_good(known_, {}))
			co_return known_.token;
		Task<Secret> getting = get_other({});
		co_return co_await getting;
	}

	Task<Secret> renew(Secret refused) override {
		known_ = {};
		Task<Secret> getting = get_other(std::move(refused));
		co_return co_await getting;
	}

private:
	/// A good one that is not `refused`.
	Task<Secret> get_other(Secret refused) {
		const auto deadline = std::chrono::steady_clock::now() + settings::claim_timeout();
		for (;;) {
			known_ = read();
			if (is_good(known_, refused))
				co_return known_.token;
			const HeldLock lock = HeldLock::take(LockClass::token, connection_.id);
			if (lock) {
				known_ = read(); // by whoever had the lock
				if (!is_good(known_, refused)) {
					Task<void> renewing = ask_worker(server_, connection_, token_digest(known_.token));
					co_await renewing;
					known_ = read();
				}
				co_return known_.token;
			}
			if (std::chrono::steady_clock::now() >= deadline)
				throw Error(ErrorCode::no_worker,
				            "another session renews the tokens of connection " + std::to_string(connection_.id), {},
				            "Try again later.");
			Sleep pause(20ms);
			co_await pause;
		}
	}

	static bool is_good(const AccessToken &access, const Secret &refused) {
		return !access.token.empty() && !(access.token == refused) &&
		       (!access.renew_at || Runtime::get().clock().now() < *access.renew_at);
	}

	/// Throws not_found if there is none any more.
	AccessToken read() const {
		AccessToken access;
		const auto body = [&] {
			access = store::read_access_token(connection_.server, store::token_subject(connection_.id));
		};
		// A query with parallel workers begins no subtransactions.
		if (guard([] { return IsInParallelMode(); })) {
			store::as_owner(body);
		} else {
			const bool in_transaction = guard([] { return IsTransactionState(); });
			store::PgSyncStore(in_transaction ? store::Commit::by_caller : store::Commit::own_transactions, nullptr)
			    .read(body);
		}
		if (access.token.empty())
			throw Error(ErrorCode::not_found, "connection " + std::to_string(connection_.id) + " has no tokens",
			            "server: " + connection_.server, "Link the bank again.");
		return access;
	}

	const store::LoadedServer server_;
	const store::Connection connection_;
	AccessToken known_;
};

} // namespace

providers::Session connection_session(const store::LoadedServer &server, const store::Connection &connection,
                                      providers::CallStats &stats) {
	providers::Session session = Runtime::get().session(server.config, stats, connection.id);
	session.authenticated_at = connection.authenticated_at;
	if (server.provider->tokens_expire())
		session.tokens = std::make_shared<StoredTokens>(server, connection);
	return session;
}

Task<void> renew_tokens(store::LoadedServer server, store::Connection connection) {
	Task<void> asked = ask_worker(std::move(server), std::move(connection), {});
	co_await asked;
}

} // namespace ob::pg::worker
