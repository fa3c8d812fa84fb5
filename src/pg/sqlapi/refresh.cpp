// ob.refresh_token, ob.refresh_tokens: tokens that expire are renewed ahead of their time. C++ regime behind
// OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "utils/timestamp.h"
}

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "pg/entry.hpp"
#include "pg/guard.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/sync_store.hpp"
#include "pg/store/tokens.hpp"
#include "pg/time.hpp"
#include "pg/worker/token_keeper.hpp"
#include "providers/option_values.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Connection;

// ---- ob.refresh_token ----

std::optional<Timestamp> refresh(const Connection &connection) {
	store::LoadedServer server = store::load_server(connection.server, connection.mapping_role);
	if (!server.provider->tokens_expire())
		throw Error(ErrorCode::unsupported,
		            "tokens of provider " + connection.provider + " do not expire: there is nothing to renew");
	(void)store::load_credentials(connection);
	run(worker::renew_tokens(std::move(server), connection));
	store::AccessToken renewed;
	store::as_owner(
	    [&] { renewed = store::read_access_token(connection.server, store::token_subject(connection.id)); });
	return renewed.expires_at;
}

// ---- ob.refresh_tokens ----

// A budget that is used up is waited for so often for one connection.
constexpr int kLimitWaits = 5;
constexpr std::chrono::minutes kLongestLimitWait{2};
// Some banks show their whole history for as long as the first access token is not replaced.
constexpr std::chrono::seconds kLeftAlone = std::chrono::hours(1);

struct Counts {
	std::int64_t renewed = 0;
	std::int64_t failed = 0;
};

class Refreshing {
public:
	explicit Refreshing(std::chrono::microseconds within) : within_(within) {}

	Task<Counts> all() {
		const std::vector<std::string> servers = store::usable_servers();
		std::vector<ConnectionId> ids;
		store_.read([&] {
			const Timestamp now = Runtime::get().clock().now();
			ids = store::expiring_tokens(servers, now + within_, now);
		});
		for (const ConnectionId id : ids) {
			Task<void> one = refresh(id);
			co_await one;
		}
		co_return counts_;
	}

private:
	/// The next ones do not suffer from what one of them meets: the audit log has it.
	Task<void> refresh(ConnectionId id) {
		for (int tries = 1;; ++tries) {
			std::chrono::seconds wait{};
			try {
				Task<bool> renewing = renew(id);
				if (co_await renewing)
					++counts_.renewed;
				co_return;
			} catch (const ProviderError &error) {
				if (error.reaction() != Reaction::rate_limited || tries == kLimitWaits) {
					++counts_.failed;
					co_return;
				}
				wait = std::min<std::chrono::seconds>(error.retry_after().value_or(std::chrono::seconds(60)),
				                                      kLongestLimitWait);
			} catch (const Error &) {
				++counts_.failed;
				co_return;
			}
			Sleep pause(wait);
			co_await pause;
		}
	}

	/// False if it is left alone.
	Task<bool> renew(ConnectionId id) {
		Connection connection;
		store::LoadedServer server;
		store_.read([&] {
			connection = store::find_connection(id);
			server = store::load_server(connection.server, connection.mapping_role);
		});
		if (is_new(connection, *server.config))
			co_return false;
		Task<void> renewing = worker::renew_tokens(std::move(server), std::move(connection));
		co_await renewing;
		co_return true;
	}

	/// The user has just logged in: what the bank shows now only is still being read.
	static bool is_new(const Connection &connection, const providers::ServerConfig &server) {
		const auto deep = providers::parse_interval(server.option("deep_history_for"));
		return connection.authenticated_at && Runtime::get().clock().now() - *connection.authenticated_at <
		                                          std::max(deep.value_or(kLeftAlone), kLeftAlone);
	}

	const std::chrono::microseconds within_;
	Counts counts_;
	store::PgSyncStore store_{store::Commit::each_unit, nullptr};
};

std::chrono::microseconds interval_argument(FunctionCallInfo fcinfo, int index) {
	if (PG_ARGISNULL(index))
		return std::chrono::hours(12);
	const Interval *interval = PG_GETARG_INTERVAL_P(index);
	constexpr std::int64_t kDaysOfMonth = 30;
	const std::chrono::days days(interval->day + kDaysOfMonth * interval->month);
	const auto within = days + std::chrono::microseconds(interval->time);
	if (within.count() < 0)
		throw Error(ErrorCode::invalid_argument, "argument \"within\" must not be negative");
	return within;
}

void refresh_all(std::chrono::microseconds within) {
	check_calls_allowed();
	Refreshing refreshing(within);
	const Counts counts = store::run_committing(refreshing.all());
	guard([&] {
		ereport(NOTICE,
		        (errmsg("tokens: " INT64_FORMAT " renewed, " INT64_FORMAT " failed", counts.renewed, counts.failed),
		         counts.failed > 0 ? errhint("See ob.token_status and the audit log.") : 0));
	});
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_refresh_token) {
	const auto connection =
	    ob::pg::store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"));
	const auto until = refresh(connection);
	if (!until)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(ob::pg::to_server(*until));
}

OB_FUNCTION(ob_refresh_tokens) {
	const auto within = interval_argument(fcinfo, 0);
	ob::pg::store::in_procedure(fcinfo, "ob.refresh_tokens", [&] { refresh_all(within); });
	return 0;
}
