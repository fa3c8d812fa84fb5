// C++ regime.
#include "providers/once.hpp"

#include <utility>

#include "core/error.hpp"
#include "http/transport.hpp"

#include "core/pure.hpp"

namespace ob::providers {

void outcome_unknown(const Lost &lost, std::string detail) {
	throw Error(ErrorCode::outcome_unknown, lost.message, std::move(detail), lost.hint);
}

Task<json::Document> ask_once(Task<json::Document> asked, Lost lost) {
	std::string detail;
	try {
		json::Document answer = co_await asked;
		co_return std::move(answer);
	} catch (const ProviderError &error) {
		if (error.reaction() != Reaction::retry)
			throw;
		detail = error.detail();
	} catch (const http::NotSent &) {
		throw;
	} catch (const Error &error) {
		if (error.code() == ErrorCode::missing_option) // found while the request was put together
			throw;
		detail = error.detail();
	}
	outcome_unknown(lost, std::move(detail));
}

} // namespace ob::providers

#include "core/pure.hpp"
