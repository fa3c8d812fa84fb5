#include "pg/worker/steps.hpp"

#include "core/clock.hpp"
#include "core/loop.hpp"
#include "pg/locks.hpp"
#include "pg/log.hpp"
#include "pg/store/owner.hpp"
#include "pg/transaction.hpp"
#include "json/document.hpp"

namespace ob::pg::worker {

namespace {

using namespace std::chrono_literals;

// An administrator who locks a table, or a disk that is full, has so many seconds to end.
constexpr int kRecordTries = 600;
// No provider's grant lives longer, and a bank is not away for longer.
constexpr auto kGiveUpAfter = 24h;

} // namespace

void record(const std::function<void()> &body) {
	transaction([&] { store::as_owner(body); });
}

Task<void> record_surely(std::string what, std::function<void()> body) {
	for (int tries = 1;; ++tries) {
		std::exception_ptr failure;
		try {
			record(body);
		} catch (...) {
			failure = std::current_exception();
		}
		if (!failure)
			co_return;
		if (tries == kRecordTries)
			std::rethrow_exception(failure);
		if (tries == 1)
			log_failure(what + " cannot be recorded yet and is tried again", failure);
		Sleep pause(1s);
		co_await pause;
	}
}

std::int64_t lock_new(const store::Outcome &outcome, std::int64_t *locked) {
	const std::int64_t id = store::insert_outcome(outcome);
	try_lock(LockClass::outcome, id, LockScope::session);
	*locked = id;
	return id;
}

store::LoadedServer load_committed(const Request &request) {
	try {
		store::LoadedServer server = store::load_server(request.server, request.mapping_role);
		if (request.server_version.empty() || server.version == request.server_version)
			return server;
	} catch (const Error &error) {
		if (error.code() != ErrorCode::not_found && error.code() != ErrorCode::missing_option)
			throw;
	}
	throw Error(ErrorCode::not_committed, "the server or its user mapping has not been committed",
	            "server: " + request.server,
	            "Commit first: the call is made by a worker, which sees committed rows only.");
}

bool settles(ErrorCode code) {
	return code == ErrorCode::refused || code == ErrorCode::reauth_required || code == ErrorCode::not_found ||
	       code == ErrorCode::invalid_argument;
}

bool is_stale(const store::Outcome &outcome) {
	return outcome.created_at && SystemClock().now() - *outcome.created_at > kGiveUpAfter;
}

std::string error_to_json(const Error &error) {
	json::Object object;
	object.set("code", static_cast<int>(error.code())).set("sqlstate", sqlstate(error.code()));
	object.set("message", error.message()).set_if("detail", error.detail()).set_if("hint", error.hint());
	return std::string(object.dump());
}

Error error_from_json(std::string_view text) {
	const auto document = json::Document::parse(text);
	const auto code = document.integer("code").value_or(static_cast<int>(ErrorCode::internal));
	return Error(static_cast<ErrorCode>(code), std::string(document.text("message")),
	             std::string(document.text("detail")), std::string(document.text("hint")));
}

} // namespace ob::pg::worker
