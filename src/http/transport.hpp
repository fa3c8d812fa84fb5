// What providers see of HTTP: one request, one answer. C++ regime.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"
#include "core/task.hpp"

#include "core/pure.hpp"

namespace ob::http {

struct Header {
	std::string name;
	WipedString value; // may be a credential
};

/// TLS settings of one server; empty means the system's.
struct Tls {
	std::string ca_file;
};

struct Request {
	std::string method = "POST";
	std::string url;
	std::vector<Header> headers;
	WipedString body; // may carry a token
	/// What errors, EXPLAIN and logs call this request: path template, no host, no query, no values.
	std::string endpoint;
	/// The accepted media type of a 2xx answer; another one is bad_reply. Empty: any.
	std::string accept = "application/json";
	Tls tls;
	/// Connections are shared only among requests of equal `pool` (server and user mapping, at their present version).
	std::uint64_t pool = 0;
};

/// Room kept behind a body: parsers want some bytes there, and would move all of it otherwise.
inline constexpr std::size_t kBodySlack = 64;

struct Response {
	int status = 0;
	std::vector<std::pair<std::string, std::string>> headers; // names in lower case, in order of arrival
	std::string body;                                         // raw bytes, at most max_response_size
	std::chrono::microseconds elapsed{};

	/// First header of that name (lower case); empty if absent.
	std::string_view header(std::string_view name) const;
	/// Retry-After in seconds or as an HTTP date (RFC 9110, 10.2.3), relative to `now`; nothing if absent or not
	/// understood; never negative.
	std::optional<std::chrono::seconds> retry_after(Timestamp now) const;
};

/// A failure before the request left: refused here, or the name, the connection or the TLS handshake failed. What it
/// asked for has not happened, for certain; of every other failure this cannot be said.
class NotSent : public Error {
public:
	explicit NotSent(Error error) : Error(std::move(error)) {}
};

/// Sends requests. Throws Error: unreachable (DNS, TCP, TLS), deadline, bad_reply (truncated, wrong media type, empty
/// 2xx), limit_exceeded (size cap), address_refused (policy); NotSent if nothing was sent. Any HTTP status is an
/// answer, not an error. Destroying the task aborts the transfer.
class Transport {
public:
	virtual ~Transport() = default;
	virtual Task<Response> send(Request request) = 0;
};

} // namespace ob::http

#include "core/pure.hpp"
