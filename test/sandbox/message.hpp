// A request to the simulator and its answer, free of any socket: unit tests call handle() with these.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ob::sandbox {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct Request {
	std::string method = "POST";
	std::string path;
	std::string query; ///< without the question mark, still percent-encoded
	HeaderList headers;
	std::string body;
	std::string base_url = "http://127.0.0.1"; ///< scheme, host and port under which the caller reached us

	/// Value of the first header of that name, names compared without regard to case; empty if there is none.
	[[nodiscard]] std::string_view header(std::string_view name) const;
};

/// How the bytes of an answer go over the wire. Everything but `delay` spoils the answer on purpose.
struct Delivery {
	enum class Cut { none, before_answer, in_headers, in_body };

	std::chrono::milliseconds delay{0};
	Cut cut = Cut::none;
	std::size_t cut_after = 0;        ///< bytes of headers or body that still go out before the cut
	bool reset = false;               ///< cut with a TCP reset instead of an orderly close
	bool stall = false;               ///< send nothing and hold the connection open
	std::size_t bytes_per_second = 0; ///< 0: full speed
	bool drip_headers = false;        ///< the slow speed begins with the status line
	bool chunked = false;             ///< the filler comes without a Content-Length
	std::uint64_t filler_bytes = 0;   ///< blanks streamed after `body`, counted in Content-Length, never held in memory
};

struct Response {
	int status = 200;
	std::string content_type = "application/json";
	std::string body;
	HeaderList headers;
	Delivery delivery;
	/// If set, what follows `body`, piece by piece; an empty piece is the end. May be called from any thread.
	std::function<std::string()> more;
};

/// True if both are equal when ASCII letters are folded.
[[nodiscard]] bool equal_fold(std::string_view a, std::string_view b);

/// Decodes an application/x-www-form-urlencoded text (a query or a form body).
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text);

/// Percent-encodes all but the unreserved characters of RFC 3986.
[[nodiscard]] std::string percent_encoded(std::string_view text);

} // namespace ob::sandbox
