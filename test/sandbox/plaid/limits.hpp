// Rate limits per item and per client, off unless switched on.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "../text.hpp"

namespace ob::sandbox::plaid {

/// Calls allowed within a minute; 0: no limit.
struct Limit {
	std::uint64_t per_item = 0;
	std::uint64_t per_client = 0;
	std::string item_code = "RATE_LIMIT";
	std::string client_code = "RATE_LIMIT";
};

class Limits {
public:
	/// The error code if this call is one too many, counted over the last minute. A refused call does not count.
	[[nodiscard]] std::optional<std::string> take(std::string_view environment, const std::string &path,
	                                              const std::string &item_id, const std::string &client_id, Time now);
	/// Replaces the limit of a path in both environments.
	void set(const std::string &path, std::uint64_t per_item, std::uint64_t per_client);
	void clear();

private:
	[[nodiscard]] bool full(const std::string &key, std::uint64_t most, Time now);

	std::map<std::string, Limit> own_;
	std::map<std::string, std::deque<Time>> calls_;
};

} // namespace ob::sandbox::plaid
