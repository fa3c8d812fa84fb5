// Which network addresses belong to the public Internet. C++ regime.
#pragma once

#include <sys/socket.h>

#include "core/pure.hpp"

namespace ob::http {

/// False for everything a request must not reach by way of a name: loopback, private, link-local, shared (carrier)
/// and metadata addresses, multicast, reserved, documentation and benchmarking ranges, and IPv6 addresses that wrap
/// one of them. False for any family but IPv4 and IPv6.
bool is_public_address(const sockaddr &address) noexcept;

} // namespace ob::http

#include "core/pure.hpp"
