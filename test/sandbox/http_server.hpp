// The simulator behind a socket: HTTP/1.1 with keep-alive, with or without TLS, and answers spoiled on purpose.
#pragma once

#include <memory>
#include <string>

#include "simulator.hpp"

namespace ob::sandbox {

struct TlsFiles {
	std::string certificate; ///< PEM, with its chain
	std::string key;
};

class HttpServer {
public:
	/// Binds at once; port 0 takes a free one. Throws std::runtime_error if that or the TLS files fail.
	HttpServer(Simulator &simulator, const std::string &host, int port, const TlsFiles *tls);
	HttpServer(const HttpServer &) = delete;
	HttpServer &operator=(const HttpServer &) = delete;
	~HttpServer();

	/// Where to reach it, such as http://127.0.0.1:40213
	[[nodiscard]] const std::string &url() const;
	/// Serves until stop(). Blocks.
	void serve();
	/// Ends serve() and all connections, stalled ones included. From any thread.
	void stop();

private:
	class Impl;
	std::unique_ptr<Impl> impl_;
};

} // namespace ob::sandbox
