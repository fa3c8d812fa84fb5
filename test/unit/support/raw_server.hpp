// A server of exact bytes for transport tests: each accepted connection runs a script in a thread of its own.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <list>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace ob::test {

/// Bytes in and out of one connection: plain, or TLS (tls_server.hpp).
class Stream {
public:
	virtual ~Stream() = default;
	virtual long read(char *out, std::size_t size) = 0; // 0: closed, < 0: failed
	virtual bool write(std::string_view bytes) = 0;     // false: the client is gone
};

class PlainStream final : public Stream {
public:
	explicit PlainStream(int fd) : fd_(fd) {}
	long read(char *out, std::size_t size) override { return recv(fd_, out, size, 0); }
	bool write(std::string_view bytes) override {
		while (!bytes.empty()) {
			const long n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
			if (n <= 0)
				return false;
			bytes.remove_prefix(static_cast<std::size_t>(n));
		}
		return true;
	}

private:
	int fd_;
};

/// What a script sees of its connection.
class Connection {
public:
	Connection(int fd, int number, std::unique_ptr<Stream> stream)
	    : fd_(fd), number_(number), stream_(std::move(stream)) {
		const int on = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	}

	/// 0 for the first accepted, and so on.
	int number() const { return number_; }
	int fd() const { return fd_; }

	/// The next request, header and body (by Content-Length); empty when the client has closed.
	std::string request() {
		std::string text;
		for (;;) {
			if (const auto end = text.find("\r\n\r\n"); end != std::string::npos) {
				std::size_t length = 0;
				if (const auto at = text.find("Content-Length: "); at != std::string::npos && at < end)
					length = std::stoul(text.substr(at + 16));
				if (text.size() >= end + 4 + length)
					return text;
			}
			char buffer[65536];
			const long n = stream_->read(buffer, sizeof buffer);
			if (n <= 0)
				return {};
			text.append(buffer, static_cast<std::size_t>(n));
		}
	}
	bool send(std::string_view bytes) { return stream_->write(bytes); }
	/// One byte at a time, each a packet of its own.
	bool drip(std::string_view bytes, std::chrono::milliseconds pause = {}) {
		for (const char &c : bytes) {
			if (!send({&c, 1}))
				return false;
			if (pause.count() > 0)
				std::this_thread::sleep_for(pause);
		}
		return true;
	}
	/// Two pieces, far enough apart to be read one by one.
	bool send_split(std::string_view bytes, std::size_t at) {
		if (!send(bytes.substr(0, at)))
			return false;
		std::this_thread::sleep_for(std::chrono::milliseconds(2));
		return send(bytes.substr(at));
	}
	/// Until the client has closed, or the server ends.
	void stall() {
		pollfd p{fd_, POLLRDHUP, 0};
		poll(&p, 1, 30'000);
	}
	/// Closing then sends RST instead of FIN.
	void reset_on_close() {
		const linger l{1, 0};
		setsockopt(fd_, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	}

private:
	int fd_;
	int number_;
	std::unique_ptr<Stream> stream_;
};

class RawServer {
public:
	using Script = std::function<void(Connection &)>;
	using MakeStream = std::function<std::unique_ptr<Stream>(int fd)>; // null: no connection

	explicit RawServer(Script script, MakeStream make_stream = {})
	    : script_(std::move(script)), make_stream_(std::move(make_stream)) {
		listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		sockaddr_in address{};
		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		socklen_t size = sizeof address;
		if (bind(listener_, reinterpret_cast<sockaddr *>(&address), size) != 0 || listen(listener_, 512) != 0 ||
		    getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size) != 0)
			throw std::runtime_error("no test server");
		port_ = ntohs(address.sin_port);
		acceptor_ = std::thread([this] { accept_all(); });
	}
	~RawServer() {
		ending_ = true;
		shutdown(listener_, SHUT_RDWR);
		acceptor_.join();
		close(listener_);
		{
			const std::lock_guard lock(mutex_);
			for (const int fd : open_)
				shutdown(fd, SHUT_RDWR);
		}
		for (auto &thread : threads_)
			thread.join();
	}

	int port() const { return port_; }
	std::string url(std::string_view path = "/", std::string_view scheme = "http",
	                std::string_view host = "127.0.0.1") const {
		return std::string(scheme) + "://" + std::string(host) + ":" + std::to_string(port_) + std::string(path);
	}
	int accepted() const { return accepted_; }
	int open() const {
		const std::lock_guard lock(mutex_);
		return static_cast<int>(open_.size());
	}
	/// Waits until at most `count` connections are open; false after two seconds.
	bool wait_open(int count) const {
		for (int i = 0; i < 400; ++i) {
			if (open() <= count)
				return true;
			std::this_thread::sleep_for(std::chrono::milliseconds(5));
		}
		return false;
	}

private:
	void accept_all() {
		for (;;) {
			const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
			if (fd < 0 && ending_)
				return;
			if (fd < 0) { // no descriptor left
				std::this_thread::sleep_for(std::chrono::milliseconds(5));
				continue;
			}
			const int number = accepted_++;
			{
				const std::lock_guard lock(mutex_);
				open_.push_back(fd);
			}
			threads_.emplace_back([this, fd, number] { serve(fd, number); });
		}
	}
	void serve(int fd, int number) {
		if (auto stream = make_stream_ ? make_stream_(fd) : std::make_unique<PlainStream>(fd)) {
			Connection connection(fd, number, std::move(stream));
			script_(connection);
		}
		const std::lock_guard lock(mutex_);
		std::erase(open_, fd);
		close(fd);
	}

	Script script_;
	MakeStream make_stream_;
	int listener_ = -1;
	int port_ = 0;
	std::atomic<bool> ending_ = false;
	std::atomic<int> accepted_ = 0;
	mutable std::mutex mutex_;
	std::vector<int> open_;
	std::list<std::thread> threads_;
	std::thread acceptor_;
};

/// A complete answer with Content-Length.
inline std::string answer(std::string_view body, std::string_view status = "200 OK",
                          std::string_view type = "application/json") {
	return "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + std::string(type) +
	       "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

/// Answers every request on a connection with the same bytes.
inline RawServer::Script always(std::string bytes) {
	return [bytes = std::move(bytes)](Connection &c) {
		while (!c.request().empty())
			if (!c.send(bytes))
				return;
	};
}

} // namespace ob::test
