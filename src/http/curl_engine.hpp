// Internal to http/: what all pools and transfers of a CurlTransport share. C++ regime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/curl_pool.hpp"
#include "http/curl_transport.hpp"

#include "core/pure.hpp"

namespace ob::http {

class CurlTransfer;

/// Owns the pools and shares out the memory for bodies.
///
/// The memory rule: a chunk that would lift the total above max_buffered is taken only by one privileged transfer; any
/// other pauses. Privileged becomes the oldest running transfer that holds bytes or is paused, and it stays so until it
/// ends. Bytes of ended transfers count until their coroutine has taken them, and a loop that still has such bytes to
/// take gets no privilege. So memory is bounded by max_buffered and one response for each loop (they may be nested).
///
/// Why nothing waits for ever: whoever pauses leaves one of two things behind. Either a privileged transfer, which is
/// not paused, whose connection is its own, and which its size and time limits end; its end resumes the others. Or
/// bytes to take in its own loop: that loop's ready queue holds their coroutine, which takes them before the loop can
/// wait, and so resumes the others. Bytes of an outer loop, which cannot run now, hold up transfers of that loop only.
class CurlEngine {
public:
	using Transfers = std::list<CurlTransfer *>;

	CurlEngine(Reactor &reactor, const TransportSettings &settings, std::string_view version);
	~CurlEngine();
	CurlEngine(const CurlEngine &) = delete;
	CurlEngine &operator=(const CurlEngine &) = delete;

	const TransportSettings &settings() const noexcept { return settings_; }
	const std::string &user_agent() const noexcept { return user_agent_; }

	/// The pool of that key under these rules. Throws std::bad_alloc.
	CurlPool &pool(std::uint64_t key, const std::shared_ptr<const HostPolicy> &hosts);
	/// Retires every pool that `which` names.
	template <class Predicate>
	void retire(Predicate which) noexcept {
		for (auto &pool : pools_)
			pool->retired |= which(*pool);
		sweep();
	}

	/// A transfer's place in order of age. Throws std::bad_alloc.
	Transfers::iterator enter(CurlTransfer &transfer, std::size_t max_buffered);
	/// Not from a callback of libcurl's.
	void leave(Transfers::iterator place) noexcept;

	/// May `transfer` take `size` more bytes now? If not it pauses.
	bool admit(CurlTransfer &transfer, std::size_t size) noexcept;
	void release(std::size_t size) noexcept { stats_.buffered -= size; }
	/// It needs no privilege any more.
	void ended(CurlTransfer &transfer) noexcept;
	/// Resumes what may go on. Not from a callback of libcurl's.
	void pump() noexcept;
	/// The pool cannot wait any more: ends its transfers.
	void fail_all(CurlPool &pool) noexcept;

	CurlTransport::Stats stats() const noexcept;

private:
	bool full() const noexcept { return stats_.buffered >= max_buffered_; }
	/// The oldest that may be privileged: a running transfer that holds bytes, or is paused, or is `asking`.
	CurlTransfer *oldest_holder(const CurlTransfer *asking) const noexcept;
	bool has_bytes_to_take(const Loop *loop) const noexcept;
	void sweep() noexcept;

	Reactor &reactor_;
	const TransportSettings &settings_;
	std::string user_agent_;
	std::vector<std::unique_ptr<CurlPool>> pools_;
	std::uint64_t uses_ = 0;
	Transfers transfers_; // oldest first
	std::size_t max_buffered_ = 0;
	CurlTransfer *privileged_ = nullptr;
	bool pumping_ = false;
	CurlTransport::Stats stats_;
};

} // namespace ob::http

#include "core/pure.hpp"
