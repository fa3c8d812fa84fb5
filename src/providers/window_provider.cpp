// C++ regime.
#include "providers/window_provider.hpp"

#include "providers/option_values.hpp"

#include "core/pure.hpp"

namespace ob::providers {

WindowDays WindowProvider::window_days(const ServerConfig &server) const {
	const auto days = [&](std::string_view option) {
		return static_cast<int>(parse_integer(server.option(option)).value());
	};
	return {days("history_days"), days("overlap_days")};
}

bool WindowProvider::shows_all_days_now(const Session &) const {
	return false;
}

std::unique_ptr<AccountReader> WindowProvider::read_pending(Session, Credentials, Account) const {
	return nullptr;
}

std::unique_ptr<ChangeReader> WindowProvider::read_changes(Session, Credentials, std::string) const {
	throw Error(ErrorCode::unsupported, "provider " + std::string(name()) + " has no change feed");
}

bool is_read_by_windows(const Provider &provider) {
	return dynamic_cast<const WindowProvider *>(&provider) != nullptr;
}

} // namespace ob::providers

#include "core/pure.hpp"
