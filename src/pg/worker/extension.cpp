#include "pg/worker/extension.hpp"

#include <chrono>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "pg/crash_point.hpp"
#include "pg/locks.hpp"
#include "pg/log.hpp"
#include "pg/runtime.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/links.hpp"
#include "pg/store/tokens.hpp"
#include "pg/worker/answer.hpp"
#include "pg/worker/failure.hpp"
#include "pg/worker/renewal.hpp"
#include "pg/worker/steps.hpp"

namespace ob::pg::worker {

namespace {

using namespace std::chrono_literals;
using store::LoadedServer;
using store::Outcome;

constexpr const char *kExtended = R"({"extended":true})";
constexpr const char *kNotExtended = R"({"extended":false})";

// Where the provider does not say.
constexpr std::chrono::hours kLinkLasts{1};

void audit_line(const Outcome &outcome, const char *action, std::string_view request_id, const Error *failure) {
	const Request request = Request::from_json(outcome.request_json);
	const std::string details = failure ? store::error_to_json(*failure) : std::string();
	store::audit({.action = action,
	              .connection = outcome.connection,
	              .server = outcome.server,
	              .user_ref = request.user_ref,
	              .request_id = request_id,
	              .success = !failure,
	              .details_json = details,
	              .user_ip = request.user_ip,
	              .acting_json = request.acting_json});
}

void record_failed_call(const Outcome &outcome, const Error &error) {
	record([&] {
		store::set_failed(outcome.id, store::error_to_json(error));
		audit_line(outcome, "AUTH_LINK_CREATED", {}, &error);
	});
}

// ---- the call and its answer ----

/// With the tokens that are stored now.
Task<providers::Extension> ask(const Outcome *outcome, LoadedServer server, providers::CallStats *stats) {
	providers::LinkRequest wanted;
	wanted.link_id = outcome->link_id;
	const Secret options = store::unseal(outcome->sealed, outcome_place(outcome->call_id),
	                                     "options of outcome " + std::to_string(outcome->id));
	wanted.options_json = options.reveal();
	wanted.user_ref = Request::from_json(outcome->request_json).user_ref;
	record(
	    [&] { wanted.credentials = store::read_tokens(outcome->server, store::token_subject(*outcome->connection)); });
	providers::Session session = Runtime::get().session(server.config, *stats, outcome->connection);
	Task<providers::Extension> extending = server.provider->extend(std::move(session), std::move(wanted));
	co_return co_await extending;
}

void insert_made_link(const Outcome &outcome, const providers::LinkOffer &offer, std::string_view request_id) {
	const Request request = Request::from_json(outcome.request_json);
	store::Link link;
	link.link_id = outcome.link_id;
	link.server = outcome.server;
	link.user_ref = request.user_ref;
	link.kind = "relink";
	link.options_json = request.options_json;
	link.connection = outcome.connection;
	link.mapping_role = outcome.mapping_role;
	link.user_ip = request.user_ip;
	link.expires_at = offer.expires_at.value_or(Runtime::get().clock().now() + kLinkLasts);
	store::insert_link(link, offer);
	audit_line(outcome, "AUTH_LINK_CREATED", request_id, nullptr);
}

/// Nothing is prolonged before the user has been at the bank.
Task<void> offer_link(const Outcome *outcome, const providers::LinkOffer *offer, const std::string *request_id,
                      Context *context) {
	Task<void> recorded =
	    record_surely(context, Insist::unless_refused, "the link of outcome " + std::to_string(outcome->id), [&] {
		    insert_made_link(*outcome, *offer, *request_id);
		    store::set_done(outcome->id, kNotExtended);
	    });
	co_await recorded;
}

/// The call, then its answer into the outcome row before anything else happens. False if it brought a link, which is
/// the end of it.
Task<bool> call_extend(Outcome *outcome, LoadedServer server, Context *context) {
	const InFlight::Call call(*context->in_flight);
	// Read before the call: its answer must be sealed whatever becomes of the key file meanwhile.
	const crypto::KeyRing keys = store::load_keys();
	providers::CallStats stats;
	Task<providers::Extension> asked = ask(outcome, std::move(server), &stats);
	const providers::Extension extension = co_await asked;
	crash_point("extend_answered");
	if (extension.renewed.credentials.empty()) {
		Task<void> offered = offer_link(outcome, &extension.offer, &stats.last_request_id, context);
		co_await offered;
		co_return false;
	}
	providers::Established answer;
	answer.credentials = extension.renewed.credentials;
	answer.expires_at = extension.renewed.expires_at;
	answer.request_id = extension.renewed.request_id;
	outcome->sealed = seal_answer(keys, outcome->call_id, answer);
	outcome->phase = "answered";
	Task<void> recorded =
	    record_surely(context, Insist::always, "the answer of outcome " + std::to_string(outcome->id), [outcome] {
		    if (store::read_outcome(outcome->id)) // else its user was erased meanwhile
			    store::set_answered(outcome->id, outcome->sealed);
	    });
	co_await recorded;
	crash_point("extend_recorded");
	co_return true;
}

/// Whether the connection is still there to go on with what came. For a transaction of record().
bool is_wanted(const Outcome &outcome) {
	if (!store::read_outcome(outcome.id))
		return false;
	if (store::find_connection(*outcome.connection).state != "disconnected")
		return true;
	store::set_done(outcome.id, kNotExtended);
	return false;
}

/// From the recorded answer on: recovery may repeat it.
Task<void> finish_extension(Outcome outcome, Context *context) {
	const providers::Established answer = open_answer(outcome);
	bool wanted = false;
	Task<void> recorded =
	    record_surely(context, Insist::unless_refused, "the tokens of outcome " + std::to_string(outcome.id), [&] {
		    wanted = is_wanted(outcome);
		    if (!wanted)
			    return;
		    providers::LinkOffer nothing_to_do;
		    nothing_to_do.action = "none";
		    insert_made_link(outcome, nothing_to_do, answer.request_id);
		    store::complete_link(outcome.link_id, *outcome.connection);
		    // After a crash somebody may have been quicker, and only the latest tokens are good.
		    if (!store::has_newer_tokens(outcome.id))
			    store::save_tokens(outcome.server, store::token_subject(*outcome.connection), answer.credentials,
			                       answer.expires_at);
		    store::set_recorded(outcome.id, *outcome.connection, kExtended);
		    audit_line(outcome, "CONSENT_EXTENDED", answer.request_id, nullptr);
	    });
	co_await recorded;
	if (!wanted)
		throw Error(ErrorCode::not_configured,
		            "connection " + std::to_string(*outcome.connection) + " was disconnected meanwhile",
		            "server: " + outcome.server);
}

// ---- no answer ----

/// The stored tokens are dead and nobody holds the new ones.
class TokensLost : public Error {
public:
	explicit TokensLost(const Outcome &outcome)
	    : Error(ErrorCode::outcome_unknown, "the consent was prolonged, but the new tokens were lost on their way",
	            "connection: " + std::to_string(*outcome.connection) + ", server: " + outcome.server,
	            "The user must log in again: use ob.relink.") {}
};

/// Returns the outcome that brings it to the connection's row.
std::int64_t record_lost(const Outcome &outcome, const Error &error) {
	std::int64_t to_apply = 0;
	record([&] {
		store::set_failed(outcome.id, store::error_to_json(error));
		audit_line(outcome, "AUTH_LINK_CREATED", {}, &error);
		to_apply = insert_lost_tokens(outcome, error);
	});
	return to_apply;
}

bool asks_for_login(const Error &error) {
	const auto *refusal = dynamic_cast<const ProviderError *>(&error);
	return refusal && refusal->reaction() == Reaction::reauth;
}

/// As call_extend(), when an earlier answer was lost.
Task<bool> call_again(Outcome *outcome, LoadedServer server, Context *context) {
	try {
		Task<bool> called = call_extend(outcome, std::move(server), context);
		co_return co_await called;
	} catch (const Error &error) {
		if (asks_for_login(error))
			throw TokensLost(*outcome);
		throw;
	}
}

/// As call_extend(); an answer that is lost is asked for once more.
Task<bool> call_surely(Outcome *outcome, LoadedServer server, Context *context) {
	std::optional<Error> lost;
	try {
		Task<bool> called = call_extend(outcome, server, context);
		co_return co_await called;
	} catch (const Error &error) {
		if (error.code() != ErrorCode::outcome_unknown)
			throw;
		lost.emplace(error);
	}
	Sleep pause(1s);
	co_await pause;
	try {
		Task<bool> called = call_again(outcome, std::move(server), context);
		co_return co_await called;
	} catch (const TokensLost &) {
		throw;
	} catch (const Error &) {
		throw *lost; // whatever is wrong with the second call says nothing about the first
	}
}

// ---- one after the other with those who renew ----

Task<Done> extend_alone(Request request, Context *context, std::int64_t *locked, bool *asked_for_login) {
	Task<HeldLock> waiting = wait_for_renewals(*request.connection);
	const HeldLock lock = co_await waiting;
	LoadedServer server;
	Outcome outcome;
	record([&] {
		server = load_committed(request);
		(void)load_committed_tokens(request);
		outcome = make_intent(request);
		outcome.id = lock_new(outcome, locked);
	});
	crash_point("extend_intent");
	Done done;
	bool extended = false, lost = false;
	try {
		Task<bool> called = call_surely(&outcome, std::move(server), context);
		extended = co_await called;
	} catch (const Error &error) {
		done.failure.emplace(error);
		lost = dynamic_cast<const TokensLost *>(&error) != nullptr;
		*asked_for_login = asks_for_login(error);
	}
	if (lost) {
		done.to_apply = record_lost(outcome, *done.failure);
		unlock_session(LockClass::outcome, std::exchange(*locked, done.to_apply));
	} else if (done.failure) {
		record_failed_call(outcome, *done.failure);
	} else if (extended) {
		done.to_apply = outcome.id;
		Task<void> finished = finish_extension(std::move(outcome), context);
		co_await finished;
	}
	if (!done.failure)
		done.result_json = extended ? kExtended : kNotExtended;
	co_return std::move(done);
}

/// Whether the user has to log in shows where the tokens are renewed; a refused extension may be about the client.
/// Returns the outcome, locked, that brings it to the connection's row; 0 if there is nothing to bring.
Task<std::int64_t> find_out(Request request, Context *context) {
	const std::string what = "renewal of connection " + std::to_string(*request.connection);
	std::int64_t to_apply = 0;
	try {
		Task<Done> renewing = renew(std::move(request), context, &to_apply);
		(void)co_await renewing;
	} catch (const Error &) {
		log_failure(what, std::current_exception());
	}
	co_return to_apply;
}

} // namespace

Task<Done> extend(Request request, Context *context, std::int64_t *locked) {
	bool asked_for_login = false;
	Task<Done> extending = extend_alone(request, context, locked, &asked_for_login);
	Done done = co_await extending;
	if (asked_for_login) {
		Task<std::int64_t> finding = find_out(std::move(request), context);
		done.to_apply = co_await finding;
		unlock_session(LockClass::outcome, std::exchange(*locked, done.to_apply));
	}
	co_return std::move(done);
}

Task<void> recover_extension(Outcome outcome, Context *context) {
	Task<HeldLock> waiting = wait_for_renewals(*outcome.connection);
	const HeldLock lock = co_await waiting;
	const std::int64_t id = outcome.id;
	bool extended = outcome.phase == "answered", lost = false, over = false;
	Failure failure;
	try {
		if (!extended) {
			LoadedServer server;
			record([&] { server = store::load_server(outcome.server, outcome.mapping_role); });
			Task<bool> called = call_again(&outcome, std::move(server), context);
			extended = co_await called;
		}
	} catch (const Error &error) {
		failure.take(error);
		lost = dynamic_cast<const TokensLost *>(&error) != nullptr;
		// It is not asked for a third time.
		over = error.code() == ErrorCode::outcome_unknown || settles(error) || is_stale(outcome);
	}
	if (lost)
		apply_and_unlock(record_lost(outcome, *failure));
	else if (failure && over)
		record_failed_call(outcome, *failure);
	if (failure)
		failure.rethrow();
	if (!extended)
		co_return;
	Task<void> finished = finish_extension(std::move(outcome), context);
	co_await finished;
	apply(id);
}

} // namespace ob::pg::worker
