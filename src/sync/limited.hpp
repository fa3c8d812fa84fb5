// Which connections of a run wait for a budget of calls: they take no place, and others go ahead. C++ regime.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/budget.hpp"
#include "sync/signal.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// How many wait, by server.
class Limited {
public:
	/// `changed` is notified when one begins to wait or goes on.
	explicit Limited(Signal &changed) : changed_(changed) {}

	void begin(const std::string &server) {
		++by_server_[server];
		++waiting_;
		changed_.notify();
	}
	void end(const std::string &server) {
		--by_server_.at(server);
		--waiting_;
		changed_.notify();
	}

	std::size_t waiting() const noexcept { return waiting_; }
	/// Servers of which so many wait or more.
	std::set<std::string> servers_with(std::size_t many) const {
		std::set<std::string> servers;
		for (const auto &[server, count] : by_server_)
			if (count >= many)
				servers.insert(server);
		return servers;
	}

private:
	Signal &changed_;
	std::map<std::string, std::size_t> by_server_;
	std::size_t waiting_ = 0;
};

/// A server's budget as one connection's sync meets it. The sync waits as long as the last call of any class was not to
/// be made.
class WatchedBudget final : public Budget {
public:
	WatchedBudget(std::shared_ptr<Budget> budget, Limited &limited, std::string server)
	    : budget_(std::move(budget)), limited_(limited), server_(std::move(server)) {}
	~WatchedBudget() override {
		if (!short_of_.empty())
			limited_.end(server_);
	}

	Task<std::optional<Shortage>> take(std::string call_class, std::optional<ConnectionId> connection) override {
		Task<std::optional<Shortage>> task = budget_->take(call_class, connection);
		const std::optional<Shortage> shortage = co_await task;
		note(call_class, shortage.has_value());
		co_return shortage;
	}
	Task<std::optional<Shortage>> take_unattended(std::string call_class, ConnectionId connection,
	                                              std::string resource) override {
		Task<std::optional<Shortage>> task = budget_->take_unattended(call_class, connection, std::move(resource));
		const std::optional<Shortage> shortage = co_await task;
		note(call_class, shortage.has_value());
		co_return shortage;
	}

private:
	void note(const std::string &call_class, bool is_short) {
		const bool waited = !short_of_.empty();
		if (is_short)
			short_of_.insert(call_class);
		else
			short_of_.erase(call_class);
		if (waited == !short_of_.empty())
			return;
		if (waited)
			limited_.end(server_);
		else
			limited_.begin(server_);
	}

	std::shared_ptr<Budget> budget_;
	Limited &limited_;
	std::string server_;
	std::set<std::string> short_of_;
};

} // namespace ob::sync

#include "core/pure.hpp"
