#include "json/body.hpp"

#include <cstring>
#include <utility>

#include <simdjson.h>

#include "core/error.hpp"
#include "json/escapes.hpp"
#include "json/failure.hpp"

#include "core/pure.hpp"

namespace ob::json {
namespace {

bool check_and_fix(char *bytes, std::size_t size) {
	if (size > 0 && std::memchr(bytes, '\0', size))
		not_json("it holds a NUL byte");
	if (!simdjson::validate_utf8(bytes, size))
		not_json("it is not UTF-8");
	return fix_escapes(bytes, size);
}

} // namespace

void sanitize(char *bytes, std::size_t size) {
	check_and_fix(bytes, size);
}

Body::Body(std::string bytes) : bytes_(std::move(bytes)), size_(bytes_.size()) {
	constexpr std::size_t kTooLarge = std::size_t{1} << 31;
	if (size_ >= kTooLarge)
		throw Error(ErrorCode::limit_exceeded, "the answer is larger than 2 GiB");
	bytes_.append(simdjson::SIMDJSON_PADDING, '\0');
	has_escapes_ = check_and_fix(bytes_.data(), size_);
}

std::string_view Body::keep(std::string_view text) {
	if (text.empty())
		return {};
	char *copy = allocate(text.size());
	std::memcpy(copy, text.data(), text.size());
	return {copy, text.size()};
}

} // namespace ob::json

#include "core/pure.hpp"
