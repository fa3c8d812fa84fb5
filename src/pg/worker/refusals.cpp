// Refused client credentials are recorded although the statement that met the refusal is about to raise. C++ regime.

#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
}

#include <exception>

#include "core/error.hpp"
#include "pg/guard.hpp"
#include "pg/log.hpp"
#include "pg/store/client_checks.hpp"
#include "pg/undone.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/steps.hpp"

namespace ob::pg {

namespace {

/// In a transaction of its own. Throws UndoneError.
void record_here(const store::Client &client, const std::string &error_json) {
	try {
		worker::record([&] { store::record_refusal(client, error_json, {}); });
	} catch (const ServerError &error) {
		if (UndoneError::must_pass(error))
			throw;
		throw UndoneError(error);
	}
}

/// A process that has no transaction open is a worker itself.
Task<void> commit_refusal(store::Client client, std::string error_json) {
	if (!guard([] { return IsTransactionState(); })) {
		record_here(client, error_json);
		co_return;
	}
	worker::Request request;
	request.kind = "refusal";
	request.server = client.server;
	request.mapping_role = client.mapping_role;
	request.client_digest = client.digest;
	request.failure_json = error_json;
	Task<std::string> task = worker::call(std::move(request));
	(void)co_await task;
}

} // namespace

Task<bool> store::keep_refusal(Client client, std::string error_json) {
	const std::string name = "refusal of the credentials for server " + client.server;
	std::exception_ptr trouble;
	try {
		Task<void> task = commit_refusal(std::move(client), std::move(error_json));
		co_await task;
	} catch (const Error &) {
		trouble = std::current_exception();
	}
	if (trouble)
		log_failure(name + " could not be recorded", trouble);
	co_return !trouble;
}

} // namespace ob::pg
