// C++ regime.
#include "providers/window_provider.hpp"

#include "core/pure.hpp"

namespace ob::providers {

std::unique_ptr<AccountReader> WindowProvider::read_pending(Session, Credentials, Account) const {
	return nullptr;
}

std::unique_ptr<ChangeReader> WindowProvider::read_changes(Session, Credentials, std::string) const {
	throw Error(ErrorCode::unsupported, "provider " + std::string(name()) + " has no change feed");
}

} // namespace ob::providers

#include "core/pure.hpp"
