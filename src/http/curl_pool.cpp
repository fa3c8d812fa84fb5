// Server signals are blocked around whatever libcurl does here; its callbacks only note things. C++ regime.
#include "http/curl_pool.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.hpp"
#include "http/curl_engine.hpp"
#include "http/curl_transfer.hpp"
#include "http/signal_block.hpp"

#include "core/pure.hpp"

static_assert(LIBCURL_VERSION_NUM >= 0x075700, "libcurl 7.87 or later is needed (CURLOPT_QUICK_EXIT)");

namespace ob::http {

namespace {

// As many connections and handles are kept as were in use at a time: keeping fewer, a run of many syncs would connect
// anew, and shake hands, all the while. Within these bounds, for the sake of file descriptors.
constexpr std::size_t kLeastRoom = 64;
constexpr std::size_t kMostRoom = 256;

/// 0 if it has none.
int local_port_of(int fd) {
	sockaddr_storage address{};
	socklen_t size = sizeof address;
	if (getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size) != 0)
		return 0;
	// The port has the same place in both families' addresses.
	return ntohs(reinterpret_cast<sockaddr_in &>(address).sin_port);
}

} // namespace

struct CurlPool::Callbacks {
	static int on_socket(CURL *, curl_socket_t fd, int what, void *self, void *) noexcept {
		auto &pool = *static_cast<CurlPool *>(self);
		if (what == CURL_POLL_REMOVE) {
			pool.reactor_.unwatch(fd);
			return 0;
		}
		const std::uint32_t events = ((what & CURL_POLL_IN) != 0 ? std::uint32_t{EPOLLIN} : 0) |
		                             ((what & CURL_POLL_OUT) != 0 ? std::uint32_t{EPOLLOUT} : 0);
		try {
			pool.reactor_.watch(fd, events, pool);
		} catch (...) {
			pool.broken_ = true;
		}
		return 0;
	}

	static int on_timer(CURLM *, long milliseconds, void *self) noexcept {
		auto &pool = *static_cast<CurlPool *>(self);
		if (milliseconds < 0) {
			pool.cancel();
			return 0;
		}
		try {
			pool.reactor_.start(pool, std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds));
		} catch (...) {
			pool.broken_ = true;
		}
		return 0;
	}
};

CurlPool::CurlPool(CurlEngine &engine, Reactor &reactor, std::uint64_t key, std::shared_ptr<const HostPolicy> hosts)
    : engine_(engine), reactor_(reactor), key_(key), hosts_(std::move(hosts)) {
	const SignalBlock block;
	multi_ = curl_multi_init();
	share_ = curl_share_init();
	const bool ok = multi_ && share_ &&
	                curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK &&
	                curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, Callbacks::on_socket) == CURLM_OK &&
	                curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this) == CURLM_OK &&
	                curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, Callbacks::on_timer) == CURLM_OK &&
	                curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this) == CURLM_OK &&
	                curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING)) == CURLM_OK;
	if (!ok) {
		curl_multi_cleanup(multi_);
		curl_share_cleanup(share_);
		throw std::bad_alloc();
	}
}

CurlPool::~CurlPool() {
	const SignalBlock block;
	for (void *easy : spare_)
		curl_easy_cleanup(easy);
	curl_multi_cleanup(multi_);
	curl_share_cleanup(share_);
}

void *CurlPool::take_easy() {
	if (!spare_.empty()) {
		void *easy = spare_.back();
		spare_.pop_back();
		return easy;
	}
	const SignalBlock block;
	CURL *easy = curl_easy_init();
	if (!easy || curl_easy_setopt(easy, CURLOPT_SHARE, share_) != CURLE_OK) {
		curl_easy_cleanup(easy);
		throw std::bad_alloc();
	}
	return easy;
}

void CurlPool::give_back(void *easy, bool in_doubt) noexcept {
	const SignalBlock block;
	if (in_doubt || spare_.size() == spare_.capacity()) {
		curl_easy_cleanup(easy);
		return;
	}
	// Keeps the share, forgets every option with the pointers in it.
	curl_easy_reset(easy);
	spare_.push_back(easy); // within the reserved capacity
}

void CurlPool::add(void *easy) {
	const SignalBlock block;
	if (running_ >= room_)
		make_room();
	const CURLMcode rc = curl_multi_add_handle(multi_, easy);
	if (rc == CURLM_OK && !broken_) {
		++running_;
		return;
	}
	if (rc == CURLM_OK)
		curl_multi_remove_handle(multi_, easy);
	retired = true;
	if (broken_ || rc == CURLM_OUT_OF_MEMORY)
		throw std::bad_alloc();
	throw Error(ErrorCode::internal, "could not start a request", std::string("reason: ") + curl_multi_strerror(rc));
}

/// For one transfer more than are running.
void CurlPool::make_room() {
	const std::size_t room = std::clamp(2 * running_, kLeastRoom, kMostRoom);
	spare_.reserve(room);
	if (curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(room)) != CURLM_OK)
		throw std::bad_alloc();
	room_ = room;
}

void CurlPool::remove(void *easy) noexcept {
	const SignalBlock block;
	curl_multi_remove_handle(multi_, easy);
	--running_;
}

int CurlPool::resume(void *easy) noexcept {
	CURLcode code;
	{
		const SignalBlock block;
		code = curl_easy_pause(easy, CURLPAUSE_CONT);
	}
	if (broken_) {
		retired = true;
		engine_.fail_all(*this);
	}
	return code;
}

int CurlPool::open_socket(int family, int type, int protocol) noexcept {
	const int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		return -1;
	try {
		sockets_.push_back({fd, 0});
	} catch (...) {
		close(fd);
		return -1;
	}
	return fd;
}

void CurlPool::close_socket(int fd) noexcept {
	std::erase_if(sockets_, [fd](const Socket &socket) { return socket.fd == fd; });
	close(fd);
}

bool CurlPool::closed_by_host(int local_port) noexcept {
	return std::any_of(sockets_.begin(), sockets_.end(), [local_port](Socket &socket) {
		if (socket.local_port == 0)
			socket.local_port = local_port_of(socket.fd);
		if (socket.local_port != local_port)
			return false;
		pollfd state{socket.fd, POLLRDHUP, 0};
		return poll(&state, 1, 0) > 0;
	});
}

void CurlPool::on_ready(int fd, std::uint32_t events) noexcept {
	// An error or a hang-up shows when libcurl reads.
	act(fd,
	    (events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0));
}

void CurlPool::on_time() noexcept {
	act(CURL_SOCKET_TIMEOUT, 0);
}

void CurlPool::act(int fd, int events) noexcept {
	{
		const SignalBlock block;
		int running = 0;
		if (curl_multi_socket_action(multi_, fd, events, &running) != CURLM_OK)
			broken_ = true;
	}
	int left = 0;
	while (const CURLMsg *message = curl_multi_info_read(multi_, &left)) {
		if (message->msg != CURLMSG_DONE)
			continue;
		const CURLcode code = message->data.result;
		char *transfer = nullptr;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		// The message is gone after this.
		reinterpret_cast<CurlTransfer *>(transfer)->finish(code);
	}
	if (broken_) {
		retired = true;
		engine_.fail_all(*this);
	}
	engine_.pump();
}

} // namespace ob::http

#include "core/pure.hpp"
