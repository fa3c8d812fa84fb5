// How the parsers of this folder say that an answer is not JSON: where, never what stood there. C++ regime.
#pragma once

#include <cstddef>
#include <string>

#include "core/error.hpp"

#include "core/pure.hpp"

namespace ob::json {

[[noreturn]] inline void not_json(const char *what) {
	throw Error(ErrorCode::bad_reply, "the answer is not valid JSON", what);
}

[[noreturn]] inline void not_json(std::size_t place, std::size_t size, const char *what) {
	throw Error(ErrorCode::bad_reply, "the answer is not valid JSON",
	            "at byte " + std::to_string(place) + " of " + std::to_string(size) + ": " + what);
}

} // namespace ob::json

#include "core/pure.hpp"
