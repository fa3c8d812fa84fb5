// One accepted connection as httplib's stream: buffers a whole answer, then sends it the way its Delivery says.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include <openssl/ssl.h>

#include "httplib_wrap.hpp"
#include "message.hpp"

namespace ob::sandbox {

class Connection final : public httplib::Stream {
public:
	/// Does not own the socket; does own the TLS session, if there is one. `stopping` ends every wait.
	Connection(int socket, SSL_CTX *tls, const std::atomic<bool> &stopping);
	Connection(const Connection &) = delete;
	Connection &operator=(const Connection &) = delete;
	~Connection() override;

	/// TLS handshake, if there is TLS. False if it failed.
	[[nodiscard]] bool open();
	/// Waits for the next request. False if the peer closed, the time is over or the server stops.
	[[nodiscard]] bool wait_for_request(std::chrono::seconds limit);
	/// How the answer in the making is to be sent.
	void set_delivery(const Delivery &delivery) { delivery_ = delivery; }
	/// True if the connection is to end with a TCP reset instead of an orderly close.
	[[nodiscard]] bool wants_reset() const { return wants_reset_; }
	/// Holds the connection open without a byte until the peer closes.
	void hold() const;
	/// Sends what is buffered. False if the connection is of no further use.
	[[nodiscard]] bool finish();

	bool is_readable() const override;
	bool is_writable() const override { return true; }
	ssize_t read(char *ptr, size_t size) override;
	ssize_t write(const char *ptr, size_t size) override;
	using httplib::Stream::write;
	void get_remote_ip_and_port(std::string &ip, int &port) const override;
	void get_local_ip_and_port(std::string &ip, int &port) const override;
	socket_t socket() const override { return socket_; }

private:
	/// Waits until the socket is ready. False at the deadline and when the server stops.
	[[nodiscard]] bool wait(short events, std::chrono::milliseconds limit) const;
	[[nodiscard]] bool send_all(std::string_view bytes);
	[[nodiscard]] bool send_slowly(std::string_view bytes, std::size_t bytes_per_second);
	bool wants_reset_ = false;

	int socket_;
	SSL *tls_ = nullptr;
	const std::atomic<bool> &stopping_;
	Delivery delivery_;
	std::string in_;
	std::size_t in_at_ = 0;
	std::string out_;
};

} // namespace ob::sandbox
