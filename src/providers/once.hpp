// Calls that cannot be taken back. C++ regime.
#pragma once

#include <string>

#include "core/task.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// What is said when such a call may have been carried out, and nobody holds what it brought.
struct Lost {
	const char *message;
	const char *hint;
};

[[noreturn]] void outcome_unknown(const Lost &lost, std::string detail);

/// `asked` makes such a call, once. Fails as the call does where that proves that nothing has happened: the request
/// never left, or the provider itself refused it (4xx with an error object; limits are refusals too). Everything else,
/// an answer that could not be read among it, is outcome_unknown.
Task<json::Document> ask_once(Task<json::Document> asked, Lost lost);

} // namespace ob::providers

#include "core/pure.hpp"
