// The process-wide machinery behind every operation: one reactor, one transport, made on first use in the backend
// (never before a fork). C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include "core/clock.hpp"
#include "core/loop.hpp"
#include "http/transport.hpp"
#include "pg/settings.hpp"
#include "pg/wait.hpp"
#include "providers/provider.hpp"

namespace ob::pg {

class Runtime {
public:
	/// The process's runtime. Throws Error(internal) if it cannot be set up.
	static Runtime &get();

	Reactor &reactor() { return reactor_; }
	ServerWaiter &waiter() { return waiter_; }
	const Clock &clock() const { return *clock_; }

	/// The transport under the present settings (time limits, allowed hosts, answer size). Throws
	/// not_configured while openbanking.enabled is off.
	http::Transport &transport();

	/// A session for calls through `server`, counting into `stats`, which must outlive it; `connection` if they are
	/// made with that one's tokens (see worker/token_keeper.hpp).
	providers::Session session(std::shared_ptr<const providers::ServerConfig> server, providers::CallStats &stats,
	                           std::optional<ConnectionId> connection = std::nullopt) {
		providers::Session session;
		session.server = std::move(server);
		session.transport = &transport();
		session.clock = clock_.get();
		session.stats = &stats;
		session.connection = connection;
		session.user_ip = settings::user_ip();
		return session;
	}

private:
	Runtime();
	~Runtime() = delete; // lives as long as the process: no library work while the process exits

	Reactor reactor_;
	ServerWaiter waiter_;
	std::unique_ptr<Clock> clock_;
	struct Http;
	Http *http_ = nullptr;
};

/// Server objects changed: idle connections made under their old options are closed before the next request. Registers
/// the catalog callbacks; called once from _PG_init. Server regime.
void watch_catalog();

} // namespace ob::pg
