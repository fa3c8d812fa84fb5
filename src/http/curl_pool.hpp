// Internal to http/: one pool of connections, a libcurl multi handle tied to the reactor. C++ regime. libcurl's handles
// are void here, as in its own headers, to keep those headers out of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/loop.hpp"
#include "http/url_policy.hpp"

#include "core/pure.hpp"

namespace ob::http {

class CurlEngine;

/// A connection cache, TLS session cache and name cache of their own: libcurl keeps all three by multi handle (TLS
/// sessions by share handle), and nothing weaker truly separates them.
class CurlPool final : private FdHandler, private Timer {
public:
	/// Throws std::bad_alloc.
	CurlPool(CurlEngine &engine, Reactor &reactor, std::uint64_t key, std::shared_ptr<const HostPolicy> hosts);
	~CurlPool() override;

	std::uint64_t key() const noexcept { return key_; }
	const HostPolicy &hosts() const noexcept { return *hosts_; }

	/// An easy handle without options, sharing the pool's TLS sessions. Throws std::bad_alloc.
	void *take_easy();
	/// For a handle that is not running. One in doubt is freed.
	void give_back(void *easy, bool in_doubt) noexcept;

	/// Starts a transfer. Throws Error.
	void add(void *easy);
	/// Ends a transfer, finished or not.
	void remove(void *easy) noexcept;
	/// Lets a paused transfer go on; its write callback may run before this returns. Returns libcurl's code.
	int resume(void *easy) noexcept;

	bool idle() const noexcept { return running_ == 0; }

	/// Opens a socket for a connection of this pool; -1 if that fails.
	int open_socket(int family, int type, int protocol) noexcept;
	void close_socket(int fd) noexcept;
	/// Has the host closed the connection with this local port?
	bool closed_by_host(int local_port) noexcept;

	bool retired = false; // takes no more requests; goes when idle
	std::uint64_t last_used = 0;

private:
	struct Callbacks;
	void on_ready(int fd, std::uint32_t events) noexcept override;
	void on_time() noexcept override;
	void act(int fd, int events) noexcept;
	void make_room();

	CurlEngine &engine_;
	Reactor &reactor_;
	std::uint64_t key_;
	std::shared_ptr<const HostPolicy> hosts_;
	void *multi_ = nullptr;
	void *share_ = nullptr;
	std::vector<void *> spare_;
	struct Socket {
		int fd;
		int local_port; // 0: not looked at yet
	};
	std::vector<Socket> sockets_;
	std::size_t running_ = 0;
	std::size_t room_ = 0; // for connections and handles that are kept
	bool broken_ = false; // the reactor refused a socket or timer: transfers would wait for ever
};

} // namespace ob::http

#include "core/pure.hpp"
