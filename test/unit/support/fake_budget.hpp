// A budget that says what it is told to, and remembers who asked.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/budget.hpp"
#include "unit/support/run_task.hpp"

namespace ob::test {

class FakeBudget final : public Budget {
public:
	Task<std::optional<Shortage>> take(std::string call_class, std::optional<ConnectionId> connection) override {
		asked.push_back(call_class + " of " + (connection ? std::to_string(*connection) : "nobody"));
		co_await Yield();
		if (shortages[call_class].empty())
			co_return std::nullopt;
		const std::optional<Shortage> next = shortages[call_class].front();
		shortages[call_class].pop_front();
		co_return next;
	}

	Task<std::optional<Shortage>> take_unattended(std::string call_class, ConnectionId connection,
	                                              std::string resource) override {
		unattended.push_back(std::move(resource));
		return take(std::move(call_class), connection);
	}

	Task<void> give_back_unattended(ConnectionId, std::string resource) override {
		co_await Yield();
		unattended.erase(std::find(unattended.begin(), unattended.end(), resource));
	}

	std::vector<std::string> asked;
	std::vector<std::string> unattended;                                  // resources
	std::map<std::string, std::deque<std::optional<Shortage>>> shortages; // what to say next; nothing: leave
};

} // namespace ob::test
