// C++ regime.
#include "providers/truelayer/person.hpp"

#include <arpa/inet.h>

#include "core/pure.hpp"

namespace ob::providers::truelayer {

bool is_address(const std::string &text) noexcept {
	in6_addr address{}; // has room for the other as well
	return text.find('\0') == text.npos &&
	       (inet_pton(AF_INET, text.c_str(), &address) == 1 || inet_pton(AF_INET6, text.c_str(), &address) == 1);
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
