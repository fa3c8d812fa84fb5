// The real Transport: libcurl's multi interface driven by the reactor, without a thread of ours. C++ regime.
//
// What is always so: https (http only for listed hosts), peer and host verified, no redirects, cookies, netrc, proxy or
// decompression, and every size and time bounded. Connections and TLS sessions outlive requests and are shared only
// within a pool. Each connection carries one request at a time, over HTTP/2 too: libcurl 7.88 stalls a whole HTTP/2
// connection when one of its streams is paused, which could starve the one transfer that must go on (see CurlEngine).
//
// No request is ever sent twice. libcurl would repeat one on a new connection if a kept one died before the answer's
// first byte; whether the first copy was acted upon is then unknown, so that is an error here, and repeating is for
// those who know that the call is idempotent.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/loop.hpp"
#include "http/transport.hpp"
#include "http/url_policy.hpp"

#include "core/pure.hpp"

namespace ob::http {

struct Limits {
	/// Name resolution, TCP and TLS together.
	std::chrono::milliseconds connect_timeout{10'000};
	/// From start to last byte.
	std::chrono::milliseconds total_timeout{60'000};
	/// Fewer bytes a second than this for so long end an answer that has begun; waiting for it to begin is bounded by
	/// total_timeout alone.
	long low_speed_limit = 32;
	std::chrono::seconds low_speed_time{30};
	std::size_t max_response_size = std::size_t{16} << 20;
	/// Real answers have some 30 lines in 3 kB.
	std::size_t max_header_bytes = std::size_t{64} << 10;
	std::size_t max_header_lines = 256;
	/// Bodies being received at one time, all requests together. Beyond it all transfers but one pause, so the bound
	/// that really holds is this plus one response (for each of nested loops).
	std::size_t max_buffered = std::size_t{64} << 20;
};

/// What the operator sets. Asked at the start of each request, since settings change between statements.
class TransportSettings {
public:
	virtual ~TransportSettings() = default;
	virtual Limits limits() const = 0;
	/// Never null. Compared by value: when the rules change, kept connections that were opened under the old ones are
	/// not used again.
	virtual std::shared_ptr<const HostPolicy> hosts() const = 0;
};

class CurlEngine;

/// One per process, made on first use (after the fork). Tasks of `send` must have ended or been destroyed before it,
/// and it before the reactor.
class CurlTransport final : public Transport {
public:
	/// For operations and tests.
	struct Stats {
		std::size_t buffered = 0;       // body bytes held for requests that have not returned
		std::size_t most_buffered = 0;  // since the start
		std::size_t running = 0;        // requests
		std::size_t pools = 0;          // with their kept connections
		std::uint64_t times_paused = 0; // transfers held back by max_buffered
	};

	/// `version` is ours, for the user agent. Throws Error, std::bad_alloc.
	CurlTransport(Reactor &reactor, const TransportSettings &settings, std::string_view version);
	~CurlTransport() override;

	/// Also throws invalid_argument for a URL, method or header that cannot be sent.
	Task<Response> send(Request request) override;

	/// Closes the kept connections of a pool, and those in use when their request has ended. Its TLS sessions go too.
	void drop_pool(std::uint64_t pool) noexcept;
	/// The same for all pools.
	void drop_all_pools() noexcept;

	Stats stats() const noexcept;

private:
	std::unique_ptr<CurlEngine> engine_;
};

} // namespace ob::http

#include "core/pure.hpp"
