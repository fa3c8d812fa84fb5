#include "connection.hpp"

#include <algorithm>
#include <thread>

#include <poll.h>
#include <sys/socket.h>

namespace ob::sandbox {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kReadSize = 32 * 1024;
// A request that has begun must go on; nobody legitimate pauses longer.
constexpr milliseconds kReadLimit{30'000};
constexpr milliseconds kWriteLimit{600'000};
// How often a wait looks whether the server stops.
constexpr milliseconds kLook{200};
// Beyond this an answer is streamed instead of gathered: huge ones must not fill the memory.
constexpr std::size_t kGatherLimit = 8 * 1024 * 1024;

} // namespace

Connection::Connection(int socket, SSL_CTX *tls, const std::atomic<bool> &stopping)
    : socket_(socket), stopping_(stopping) {
	if (tls != nullptr) {
		tls_ = SSL_new(tls);
		SSL_set_fd(tls_, socket_);
	}
}

Connection::~Connection() {
	if (tls_ != nullptr) {
		SSL_shutdown(tls_);
		SSL_free(tls_);
	}
}

bool Connection::open() {
	return tls_ == nullptr || SSL_accept(tls_) == 1;
}

bool Connection::wait(short events, milliseconds limit) const {
	const auto deadline = std::chrono::steady_clock::now() + limit;
	while (!stopping_) {
		const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
		if (left.count() <= 0) {
			return false;
		}
		pollfd entry{socket_, events, 0};
		const int ready = poll(&entry, 1, static_cast<int>(std::min(left, kLook).count()));
		if (ready > 0) {
			return true;
		}
		if (ready < 0 && errno != EINTR) {
			return false;
		}
	}
	return false;
}

bool Connection::wait_for_request(std::chrono::seconds limit) {
	return in_at_ < in_.size() || (tls_ != nullptr && SSL_pending(tls_) > 0) || wait(POLLIN, limit);
}

bool Connection::is_readable() const {
	if (in_at_ < in_.size() || (tls_ != nullptr && SSL_pending(tls_) > 0)) {
		return true;
	}
	pollfd entry{socket_, POLLIN, 0};
	return poll(&entry, 1, 0) > 0;
}

ssize_t Connection::read(char *ptr, size_t size) {
	if (in_at_ == in_.size()) {
		in_.resize(kReadSize);
		in_at_ = 0;
		ssize_t got = -1;
		if ((tls_ != nullptr && SSL_pending(tls_) > 0) || wait(POLLIN, kReadLimit)) {
			got = tls_ != nullptr ? SSL_read(tls_, in_.data(), static_cast<int>(in_.size()))
			                      : recv(socket_, in_.data(), in_.size(), 0);
		}
		in_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
		if (got <= 0) {
			return got;
		}
	}
	const std::size_t taken = std::min(size, in_.size() - in_at_);
	std::copy_n(in_.data() + in_at_, taken, ptr);
	in_at_ += taken;
	return static_cast<ssize_t>(taken);
}

ssize_t Connection::write(const char *ptr, size_t size) {
	out_.append(ptr, size);
	if (out_.size() > kGatherLimit) {
		if (!send_all(out_)) {
			return -1;
		}
		out_.clear();
	}
	return static_cast<ssize_t>(size);
}

bool Connection::send_all(std::string_view bytes) {
	while (!bytes.empty()) {
		const ssize_t sent = tls_ != nullptr ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
		                                     : send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
		if (sent > 0) {
			bytes.remove_prefix(static_cast<std::size_t>(sent));
			continue;
		}
		if (tls_ != nullptr || (errno != EAGAIN && errno != EINTR) || !wait(POLLOUT, kWriteLimit)) {
			return false;
		}
	}
	return true;
}

bool Connection::send_slowly(std::string_view bytes, std::size_t bytes_per_second) {
	// Ten pieces a second, or single bytes further apart.
	const std::size_t piece = std::max<std::size_t>(1, bytes_per_second / 10);
	const milliseconds pause{1000 * piece / bytes_per_second};
	while (!bytes.empty()) {
		if (!send_all(bytes.substr(0, piece))) {
			return false;
		}
		bytes.remove_prefix(std::min(piece, bytes.size()));
		// Something to read now means that the peer has hung up.
		if (stopping_ || (!bytes.empty() && wait(POLLIN, pause))) {
			return false;
		}
	}
	return true;
}

void Connection::hold() const {
	char byte = 0;
	while (!stopping_) {
		if (wait(POLLIN, milliseconds{3'600'000}) && recv(socket_, &byte, 1, MSG_PEEK) <= 0) {
			return;
		}
		std::this_thread::sleep_for(kLook);
	}
}

bool Connection::finish() {
	const Delivery delivery = std::exchange(delivery_, Delivery{});
	const std::string answer = std::exchange(out_, std::string{});
	if (delivery.delay.count() > 0) {
		// No event is waited for but the end of the connection or of the server.
		static_cast<void>(wait(0, delivery.delay));
	}
	if (delivery.stall) {
		hold();
		return false;
	}
	const std::size_t headers_end = std::min(answer.size(), answer.find("\r\n\r\n") + 4);
	std::string_view bytes = answer;
	switch (delivery.cut) {
	case Delivery::Cut::none:
		break;
	case Delivery::Cut::before_answer:
		bytes = {};
		break;
	case Delivery::Cut::in_headers:
		bytes =
		    bytes.substr(0, std::min(headers_end - 4, delivery.cut_after == 0 ? headers_end / 2 : delivery.cut_after));
		break;
	case Delivery::Cut::in_body:
		bytes = bytes.substr(0, headers_end + (delivery.cut_after == 0
		                                           ? (answer.size() - headers_end) / 2
		                                           : std::min(delivery.cut_after, answer.size() - headers_end - 1)));
		break;
	}
	const std::size_t fast = delivery.bytes_per_second == 0 ? bytes.size() : delivery.drip_headers ? 0 : headers_end;
	const bool sent = send_all(bytes.substr(0, fast)) &&
	                  (fast >= bytes.size() || send_slowly(bytes.substr(fast), delivery.bytes_per_second));
	if (delivery.cut != Delivery::Cut::none) {
		wants_reset_ = delivery.reset;
		if (tls_ != nullptr) {
			SSL_set_quiet_shutdown(tls_, 1); // a cut has no farewell
		}
		return false;
	}
	return sent;
}

void Connection::get_remote_ip_and_port(std::string &ip, int &port) const {
	ip = "127.0.0.1";
	port = 0;
}

void Connection::get_local_ip_and_port(std::string &ip, int &port) const {
	get_remote_ip_and_port(ip, port);
}

} // namespace ob::sandbox
