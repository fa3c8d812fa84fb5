#include "request_log.hpp"

#include <vector>

namespace ob::sandbox {

void RequestLog::add(LoggedRequest request) {
	request.number = ++total_;
	++by_path_[request.counted_as];
	if (!request.item_id.empty()) {
		++by_item_[request.item_id][request.counted_as];
	}
	last_.push_back(std::move(request));
	if (last_.size() > kKept) {
		last_.pop_front();
	}
}

void RequestLog::clear() {
	*this = RequestLog{};
}

std::uint64_t RequestLog::count(const std::string &path) const {
	const auto found = by_path_.find(path);
	return found == by_path_.end() ? 0 : found->second;
}

namespace {

std::string counters(const std::map<std::string, std::uint64_t> &counts) {
	ObjectText out;
	for (const auto &[path, count] : counts) {
		out.number(path, static_cast<std::int64_t>(count));
	}
	return out.end();
}

} // namespace

std::string RequestLog::dump() const {
	ObjectText items;
	for (const auto &[item, counts] : by_item_) {
		items.raw(item, counters(counts));
	}
	std::vector<std::string> last;
	last.reserve(last_.size());
	for (const LoggedRequest &request : last_) {
		last.push_back(ObjectText{}
		                   .number("number", static_cast<std::int64_t>(request.number))
		                   .string("at", format_time(request.at, 6))
		                   .string("method", request.method)
		                   .string("path", request.path)
		                   .string("item_id", request.item_id)
		                   .string("api_version", request.api_version)
		                   .raw("detail", request.detail.empty() ? "{}" : request.detail)
		                   .number("status", request.status)
		                   .end());
	}
	return ObjectText{}
	    .number("total", static_cast<std::int64_t>(total_))
	    .raw("by_path", counters(by_path_))
	    .raw("by_item", items.end())
	    .raw("last", json_array(last))
	    .end();
}

} // namespace ob::sandbox
