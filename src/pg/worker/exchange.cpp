#include "pg/worker/exchange.hpp"

#include "core/error.hpp"
#include "pg/crash_point.hpp"
#include "pg/guard.hpp"
#include "pg/log.hpp"
#include "pg/runtime.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/links.hpp"
#include "pg/store/servers.hpp"
#include "pg/worker/answer.hpp"
#include "pg/worker/established.hpp"
#include "pg/worker/failure.hpp"
#include "pg/worker/first_look.hpp"
#include "pg/worker/steps.hpp"
#include "providers/connection_naming.hpp"

namespace ob::pg::worker {

namespace {

using store::LoadedServer;
using store::Outcome;

// Tells the caller to look at what the other exchange makes of it.
constexpr const char *kBusy = R"({"busy":true})";

// ---- the intent ----

/// Links are written by callers; one that this worker cannot see is not committed yet. It is held, so that
/// nobody erases its user who does not see the intent.
void check_link(const Request &request) {
	const bool held = store::hold_link(request.link_id);
	const auto link = store::find_link(request.link_id);
	if (!held || !link)
		throw Error(ErrorCode::not_committed, "the link has not been committed", "link: " + request.link_id,
		            "Commit ob.link first, then call ob.link_complete.");
	if (!link->takes_grants())
		store::throw_ended(*link);
}

void insert_worker_link(const Request &request) {
	store::Link link;
	link.link_id = request.link_id;
	link.server = request.server;
	link.user_ref = request.user_ref;
	link.kind = request.link_kind;
	link.options_json = "{}";
	link.mapping_role = request.mapping_role;
	link.user_ip = request.user_ip;
	link.expires_at = Runtime::get().clock().now() + std::chrono::minutes(30);
	store::insert_link(link, std::nullopt);
}

// ---- the call and its answer ----

void audit_failed_exchange(const Outcome &outcome, const Error &error) {
	const Request request = Request::from_json(outcome.request_json);
	const std::string details = store::error_to_json(error);
	store::audit({.action = "TOKEN_EXCHANGED",
	              .server = outcome.server,
	              .user_ref = request.user_ref,
	              .success = false,
	              .details_json = details,
	              .user_ip = request.user_ip,
	              .acting_json = request.acting_json});
}

/// The first call failed. A lost answer leaves the intent open: the grant may still be good, and recovery finds out.
void record_failed_call(const Outcome &outcome, const Error &error) {
	record([&] {
		if (error.code() != ErrorCode::outcome_unknown)
			store::set_failed(outcome.id, store::error_to_json(error));
		audit_failed_exchange(outcome, error);
	});
}

/// It has come to nothing, and the link with it, unless that has more to give.
void record_lost(const Outcome &outcome, std::string_view reason, const Error &error) {
	record([&] {
		store::set_failed(outcome.id, store::error_to_json(error));
		if (!Request::from_json(outcome.request_json).keep_open)
			store::end_link(outcome.link_id, "failed", reason);
		audit_failed_exchange(outcome, error);
	});
}

/// As the caller sent it, with what its link has kept for it.
providers::LinkGrant grant_of(const Outcome &outcome, std::string kind) {
	providers::LinkGrant grant;
	grant.kind = std::move(kind);
	grant.value =
	    store::unseal(outcome.sealed, outcome_place(outcome.call_id), "grant of outcome " + std::to_string(outcome.id));
	record([&] {
		grant.verifier = store::read_link_verifier(outcome.link_id);
		if (const auto link = store::find_link(outcome.link_id))
			grant.options_json = link->options_json;
	});
	return grant;
}

/// The call itself, then its answer into the outcome row before anything else happens.
Task<void> call_exchange(Outcome *outcome, LoadedServer server, std::string grant_kind, Context *context) {
	const InFlight::Call call(*context->in_flight);
	// Read before the call: its answer must be sealed whatever becomes of the key file meanwhile.
	const crypto::KeyRing keys = store::load_keys();
	providers::LinkGrant grant = grant_of(*outcome, std::move(grant_kind));
	providers::CallStats stats;
	providers::Established established;
	Failure failure;
	try {
		providers::Session session = Runtime::get().session(server.config, stats);
		Task<providers::Established> exchanged = server.provider->exchange(std::move(session), std::move(grant));
		established = co_await exchanged;
	} catch (const Error &error) {
		failure.take(error);
	}
	crash_point("exchange_answered");
	if (failure)
		failure.rethrow();
	outcome->sealed = seal_answer(keys, outcome->call_id, established);
	outcome->phase = "answered";
	Task<void> recorded = record_surely(context, Insist::always, "the answer of outcome " + std::to_string(outcome->id),
	                                    [outcome] { store::set_answered(outcome->id, outcome->sealed); });
	co_await recorded;
	crash_point("exchange_recorded");
}

/// Why an answer can never become a connection; empty if it may yet.
std::string_view reason_of(const std::exception_ptr &failure) {
	try {
		std::rethrow_exception(failure);
	} catch (const store::LinkedElsewhere &) {
		return "linked_elsewhere";
	} catch (const ServerError &) {
		return "not_recorded";
	} catch (...) {
		return {};
	}
}

/// Which connection has been made, where the answer did not tell. It may be asked again; what the provider says to it
/// for good ends the outcome, and the answer stays in it, sealed.
Task<std::string> find_name(Outcome outcome, LoadedServer server, providers::Credentials credentials) {
	const auto *naming = dynamic_cast<const providers::ConnectionNaming *>(server.provider);
	if (!naming)
		throw Error(ErrorCode::bad_reply, "the provider did not say which connection was made",
		            "server: " + outcome.server);
	providers::CallStats stats;
	Failure failure;
	try {
		providers::Session session = Runtime::get().session(server.config, stats);
		session.user_ip = Request::from_json(outcome.request_json).user_ip;
		Task<std::string> asked = naming->connection_id(std::move(session), std::move(credentials));
		co_return co_await asked;
	} catch (const Error &error) {
		failure.take(error);
	}
	if (settles(*failure) || is_stale(outcome))
		record_lost(outcome, "outcome_unknown", *failure);
	failure.rethrow();
}

/// From the recorded answer on: nothing here is irreversible, so recovery may repeat it. What the database refuses for
/// good ends the outcome; the answer stays in it, sealed.
Task<Done> finish_exchange(Outcome outcome, LoadedServer server, Context *context) {
	providers::Established established = open_answer(outcome);
	if (established.provider_connection_id.empty()) {
		Task<std::string> found = find_name(outcome, server, established.credentials);
		established.provider_connection_id = co_await found;
	}
	Task<store::FirstLook> looked =
	    look_at(std::move(server), established.credentials, Request::from_json(outcome.request_json).user_ip);
	const store::FirstLook look = co_await looked;
	Done done;
	std::exception_ptr failure;
	try {
		Task<void> recorded =
		    record_surely(context, Insist::unless_refused, "the connection of outcome " + std::to_string(outcome.id),
		                  [&] { done = establish(outcome, established, look); });
		co_await recorded;
	} catch (...) {
		failure = std::current_exception();
	}
	if (!failure)
		co_return done;
	if (const std::string_view reason = reason_of(failure); !reason.empty())
		record_lost(outcome, reason, describe(failure));
	std::rethrow_exception(failure);
}

} // namespace

Task<Done> exchange(Request request, Context *context, std::int64_t *locked) {
	LoadedServer server;
	Outcome outcome;
	record([&] {
		server = load_committed(request);
		if (request.link_kind.empty())
			check_link(request);
		else
			insert_worker_link(request);
		outcome = make_intent(request);
		outcome.id = lock_new(outcome, locked);
	});
	if (outcome.id == 0)
		co_return Done{kBusy, 0, {}};
	crash_point("exchange_intent");
	Failure failure;
	try {
		Task<void> call = call_exchange(&outcome, server, request.grant_kind, context);
		co_await call;
	} catch (const Error &error) {
		failure.take(error);
	}
	if (failure) {
		record_failed_call(outcome, *failure);
		failure.rethrow();
	}
	Task<Done> finished = finish_exchange(std::move(outcome), std::move(server), context);
	co_return co_await finished;
}

Task<void> recover_exchange(Outcome outcome, Context *context) {
	LoadedServer server;
	Failure failure;
	try {
		record([&] { server = store::load_server(outcome.server, outcome.mapping_role); });
		if (outcome.phase == "intent") {
			std::string grant_kind = Request::from_json(outcome.request_json).grant_kind;
			Task<void> call = call_exchange(&outcome, server, std::move(grant_kind), context);
			co_await call;
		}
	} catch (const Error &error) {
		failure.take(error);
	}
	if (failure) {
		// A refusal says that the lost call went through, and nobody holds what it brought. An answer that is here
		// already is kept, whatever stands in its way.
		if (outcome.phase == "intent" && (settles(*failure) || is_stale(outcome)))
			record_lost(outcome, "outcome_unknown", *failure);
		failure.rethrow();
	}
	Task<Done> finished = finish_exchange(std::move(outcome), std::move(server), context);
	const Done done = co_await finished;
	if (done.to_apply != 0)
		apply(done.to_apply);
}

} // namespace ob::pg::worker
