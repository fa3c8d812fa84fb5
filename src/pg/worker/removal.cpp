#include "pg/worker/removal.hpp"

#include "core/error.hpp"
#include "pg/crash_point.hpp"
#include "pg/runtime.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/tokens.hpp"
#include "pg/worker/failure.hpp"
#include "pg/worker/renewal.hpp"
#include "pg/worker/steps.hpp"

namespace ob::pg::worker {

namespace {

using store::LoadedServer;
using store::Outcome;

constexpr const char *kResult = R"({"state":"disconnected"})";

void audit_removal(const Outcome &outcome, std::string_view request_id, const Error *failure) {
	const Request request = Request::from_json(outcome.request_json);
	const std::string details = failure ? store::error_to_json(*failure) : std::string();
	store::audit({.action = "DISCONNECTED",
	              .connection = outcome.connection,
	              .server = outcome.server,
	              .request_id = request_id,
	              .success = !failure,
	              .details_json = details,
	              .acting_json = request.acting_json});
}

void record_failed_call(const Outcome &outcome, const Error &error) {
	record([&] {
		store::set_failed(outcome.id, store::error_to_json(error));
		audit_removal(outcome, {}, &error);
	});
}

/// Nobody waits for the answer any more: the connection shows that it was to be removed, and is read no longer.
void give_up(const Outcome &outcome, const Error &error) {
	SyncFailure failure;
	failure.code = error.code();
	failure.provider_code = kDisconnectFailed;
	failure.message = "The bank could not be disconnected at the provider; disconnect it again.";
	failure.new_state = "error";
	std::int64_t to_apply = 0;
	record([&] {
		store::set_failed(outcome.id, store::error_to_json(error));
		audit_removal(outcome, {}, &error);
		insert_failure(failure_request(outcome, failure), &to_apply);
	});
	apply_and_unlock(to_apply);
}

Task<void> call_remove(Outcome outcome, LoadedServer server, providers::Credentials tokens, Context *context) {
	const InFlight::Call call(*context->in_flight);
	providers::CallStats stats;
	Failure failure;
	try {
		if (!tokens.empty()) {
			providers::Session session = Runtime::get().session(server.config, stats, outcome.connection);
			session.tokens = own_token_keeper(server, *outcome.connection, outcome.mapping_role, context);
			Task<void> removed = server.provider->remove(std::move(session), std::move(tokens));
			co_await removed;
		}
	} catch (const ProviderError &error) {
		// Without a token that can be renewed there is nothing left to be ended.
		if (!server.provider->tokens_expire() || error.reaction() != Reaction::reauth)
			failure.take(error);
	} catch (const Error &error) {
		failure.take(error);
	}
	crash_point("remove_answered");
	if (failure)
		failure.rethrow();
	const std::string what = "the answer of outcome " + std::to_string(outcome.id);
	Task<void> recorded = record_surely(context, Insist::unless_refused, what, [&] {
		store::erase_tokens(outcome.server, store::token_subject(*outcome.connection));
		store::set_recorded(outcome.id, *outcome.connection, kResult);
		audit_removal(outcome, stats.last_request_id, nullptr);
	});
	co_await recorded;
	crash_point("remove_recorded");
}

} // namespace

Task<Done> remove(Request request, Context *context, std::int64_t *locked) {
	LoadedServer server;
	providers::Credentials tokens;
	Outcome outcome;
	record([&] {
		server = load_committed(request);
		tokens = load_committed_tokens(request);
		outcome = make_intent(request);
		outcome.id = lock_new(outcome, locked);
	});
	crash_point("remove_intent");
	Failure failure;
	try {
		Task<void> call = call_remove(outcome, std::move(server), std::move(tokens), context);
		co_await call;
	} catch (const Error &error) {
		failure.take(error);
	}
	if (failure) {
		record_failed_call(outcome, *failure);
		failure.rethrow();
	}
	co_return Done{kResult, outcome.id, {}};
}

Task<void> recover_remove(Outcome outcome, Context *context) {
	Failure failure;
	try {
		LoadedServer server;
		providers::Credentials tokens;
		record([&] {
			server = store::load_server(outcome.server, outcome.mapping_role);
			tokens = store::read_tokens(outcome.server, store::token_subject(*outcome.connection));
		});
		Task<void> call = call_remove(outcome, std::move(server), std::move(tokens), context);
		co_await call;
	} catch (const Error &error) {
		failure.take(error);
	}
	if (failure) {
		// Somebody wanted it gone: as long as the provider has not said no, the next recovery tries again.
		if (settles(*failure) || is_stale(outcome))
			give_up(outcome, *failure);
		failure.rethrow();
	}
	apply(outcome.id);
}

} // namespace ob::pg::worker
