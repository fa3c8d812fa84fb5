#include "pg/worker/webhook_keys.hpp"

#include <optional>

#include "core/error.hpp"
#include "pg/log.hpp"
#include "pg/runtime.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/webhook_keys.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/steps.hpp"
#include "providers/webhook_source.hpp"

namespace ob::pg::worker {

namespace {

/// With the caller's user mapping or PUBLIC's; a role that only receives webhooks has none, so one will do that has
/// linked a bank.
store::LoadedServer load(const Request &request) {
	try {
		return store::load_server(request.server, request.mapping_role);
	} catch (const Error &error) {
		if (error.code() != ErrorCode::missing_option)
			throw;
	}
	return store::load_server(request.server, store::webhook_mapping_role(request.server));
}

} // namespace

Task<Done> fetch_webhook_key(Request request) {
	store::LoadedServer server;
	providers::CallStats stats;
	providers::Session session;
	bool claimed = false;
	record([&] {
		server = load(request);
		session = Runtime::get().session(server.config, stats);
		claimed = store::claim_webhook_key(request.server, request.key_id, request.subject);
	});
	if (!claimed)
		co_return Done{"{}", 0, {}};
	std::optional<std::string> key;
	std::optional<Error> failure;
	try {
		const providers::WebhookSource *source = providers::find_webhook_source(server.provider->name());
		Task<std::optional<std::string>> asked = source->key(std::move(session), request.key_id);
		key = co_await asked;
	} catch (const Error &error) {
		failure.emplace(error);
	}
	if (failure) {
		const std::string told = store::error_to_json(*failure);
		record([&] { store::keep_webhook_key_failure(request.server, request.key_id, told); });
		throw *failure;
	}
	record([&] {
		// Another host may have told it than the one that the server has by now.
		if (load(request).version == server.version)
			store::keep_webhook_key(request.server, request.key_id, key.value_or(""));
		else
			store::give_back_webhook_key(request.server, request.key_id);
	});
	co_return Done{"{}", 0, {}};
}

Task<void> ask_for_webhook_key(std::string server, std::string mapping_role, std::string key_id, std::string subject) {
	Request request;
	request.kind = "webhook_key";
	request.server = std::move(server);
	request.mapping_role = std::move(mapping_role);
	request.key_id = std::move(key_id);
	request.subject = std::move(subject);
	Task<std::string> task = call(std::move(request));
	(void)co_await task;
}

} // namespace ob::pg::worker
