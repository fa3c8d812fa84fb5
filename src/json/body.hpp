// The bytes of an answer, made safe for every parser and for the database. C++ regime.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <string>
#include <string_view>

#include "core/model.hpp"

#include "core/pure.hpp"

namespace ob::json {

/// Makes `bytes` safe for every parser and for jsonb: \u escapes of NUL and of lone surrogates become \ufffd in place.
/// Throws Error(bad_reply) for invalid UTF-8, a NUL byte or a broken escape.
void sanitize(char *bytes, std::size_t size);

/// An answer's bytes, sanitized, and an arena for what is derived from them. Views into it live as long as it does.
class Body final : public PageMemory {
public:
	/// Throws as sanitize() does, and Error(limit_exceeded) from 2 GiB on (positions are 32 bits wide).
	explicit Body(std::string bytes);
	Body(const Body &) = delete;
	Body &operator=(const Body &) = delete;

	std::string_view view() const noexcept { return {bytes_.data(), size_}; }
	std::size_t size() const noexcept { return size_; }
	/// `size` bytes that live as long as the body.
	char *allocate(std::size_t size) { return static_cast<char *>(arena_.allocate(size, 1)); }
	/// A copy of `text` that lives as long as the body.
	std::string_view keep(std::string_view text);

private:
	friend class Reader;
	std::string bytes_; // with padding
	std::size_t size_;
	bool has_escapes_ = false;
	std::pmr::monotonic_buffer_resource arena_;
};

} // namespace ob::json

#include "core/pure.hpp"
