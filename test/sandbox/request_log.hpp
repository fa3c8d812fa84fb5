// What has been called: counters by path and item, and the last calls. Never a secret or a token.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "text.hpp"

namespace ob::sandbox {

struct LoggedRequest {
	std::uint64_t number = 0; ///< counts all requests since the start or the last clearing
	Time at;
	std::string method;
	std::string path;
	std::string item_id;
	std::string api_version; ///< the version header as sent, empty if missing
	std::string detail;      ///< the request's harmless parameters, such as count and offset
	std::string counted_as;  ///< path of the counters
	int status = 0;          ///< 0: a fault cut or stalled the answer
};

class RequestLog {
public:
	void add(LoggedRequest request);
	void clear();
	/// Counters and last requests as a JSON object.
	[[nodiscard]] std::string dump() const;
	[[nodiscard]] std::uint64_t count(const std::string &path) const;

private:
	static constexpr std::size_t kKept = 10'000; // enough for the longest test, small beside the ledger

	std::uint64_t total_ = 0;
	std::map<std::string, std::uint64_t> by_path_;
	std::map<std::string, std::map<std::string, std::uint64_t>> by_item_;
	std::deque<LoggedRequest> last_;
};

} // namespace ob::sandbox
