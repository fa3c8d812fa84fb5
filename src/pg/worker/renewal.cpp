#include "pg/worker/renewal.hpp"

#include <chrono>
#include <optional>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "crypto/digest.hpp"
#include "crypto/random.hpp"
#include "pg/crash_point.hpp"
#include "pg/locks.hpp"
#include "pg/runtime.hpp"
#include "pg/settings.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/tokens.hpp"
#include "pg/worker/failure.hpp"
#include "pg/worker/steps.hpp"
#include "sync/failure.hpp"

namespace ob::pg::worker {

namespace {

using namespace std::chrono_literals;
using store::LoadedServer;

// The tokens are others than those meant: whoever needs one looks again.
constexpr const char *kNotRenewed = R"({"renewed":false})";

std::string name_of(const Request &request) {
	return "connection " + std::to_string(*request.connection);
}

/// As the worker finds them, under the lock.
struct Present {
	LoadedServer server;
	providers::Credentials tokens;
};

Present read_present(const Request &request) {
	Present present;
	record([&] {
		present.server = load_committed(request);
		present.tokens = load_committed_tokens(request);
	});
	if (present.tokens.empty())
		throw Error(ErrorCode::not_found, name_of(request) + " has no tokens", "server: " + request.server,
		            "Link the bank again.");
	return present;
}

bool is_meant(const Request &request, const providers::Credentials &tokens) {
	const auto access = tokens.find("access_token");
	return request.token_digest.empty() || access == tokens.end() ||
	       token_digest(access->second) == request.token_digest;
}

// ---- renewing ----

void audit_renewal(const Request &request, std::string_view request_id, const Error *failure) {
	const std::string details = failure ? store::error_to_json(*failure) : std::string();
	store::audit({.action = failure ? "TOKEN_REFRESH_FAILED" : "TOKEN_REFRESHED",
	              .connection = request.connection,
	              .server = request.server,
	              .request_id = request_id,
	              .success = !failure,
	              .details_json = details,
	              .acting_json = request.acting_json});
}

/// Meanwhile the user may have logged in again, or the connection have ended: what was asked for with tokens that are
/// no longer the stored ones is not written over those, nor after their end.
bool is_stored(const Request &request, const providers::Credentials &sent) {
	return store::hold_tokens(request.server, store::token_subject(*request.connection), sent);
}

/// False if the tokens are others by now. Throws what the call throws.
Task<bool> call_renew(Request request, Present present, Context *context) {
	const InFlight::Call call(*context->in_flight);
	// Read before the call: its answer must be sealed whatever becomes of the key file meanwhile.
	(void)store::load_keys();
	providers::CallStats stats;
	providers::Session session = Runtime::get().session(present.server.config, stats, request.connection);
	Task<providers::Renewed> renewing = present.server.provider->renew_tokens(std::move(session), present.tokens);
	const providers::Renewed renewed = co_await renewing;
	crash_point("renew_answered");
	bool stored = false;
	Task<void> recorded = record_surely(context, Insist::always, "the new token of " + name_of(request), [&] {
		stored = is_stored(request, present.tokens);
		if (!stored)
			return;
		store::save_renewed(request.server, store::token_subject(*request.connection), renewed);
		audit_renewal(request, renewed.request_id, nullptr);
	});
	co_await recorded;
	crash_point("renew_recorded");
	co_return stored;
}

/// What a refusal means for the connection; nothing while it works or is known not to.
std::optional<SyncFailure> consequence_of(const Request &request, const ProviderError &error) {
	if (error.reaction() != Reaction::reauth && error.reaction() != Reaction::revoked)
		return std::nullopt;
	sync::FailureContext context;
	context.now = Runtime::get().clock().now();
	SyncFailure failure = sync::decide_failure(error, context);
	if (store::find_connection(*request.connection).state == failure.new_state)
		return std::nullopt;
	return failure;
}

/// Into the audit log; and what it means for the connection, to be applied once the caller's transaction has ended.
/// False if one of the tokens is another by now: then it means nothing. `begun`: before the call.
bool record_refusal(const Request &request, const providers::Credentials &sent, const ProviderError &error,
                    Timestamp begun, std::int64_t *locked) {
	// It was put off, by us or the provider.
	if (error.reaction() == Reaction::rate_limited)
		return true;
	bool stored = false;
	record([&] {
		// A login may bring the same refresh token once more.
		stored = store::read_tokens(request.server, store::token_subject(*request.connection)) == sent;
		if (!stored)
			return;
		audit_renewal(request, {}, &error);
		const std::optional<SyncFailure> failure = consequence_of(request, error);
		if (!failure)
			return;
		Request change = request;
		change.call_id = crypto::uuid4();
		change.kind = "failure";
		change.failure_json = store::failure_to_json(*failure, begun);
		insert_failure(change, locked);
		audit_failure(change);
	});
	return stored;
}

Done refusal(const ProviderError &error, std::int64_t to_apply) {
	json::Object result;
	result.set("refused", store::provider_error_object(error));
	Done done;
	done.result_json = result.dump();
	done.to_apply = to_apply;
	return done;
}

} // namespace

Task<HeldLock> wait_for_renewals(ConnectionId connection) {
	const auto deadline = std::chrono::steady_clock::now() + settings::claim_timeout();
	for (;;) {
		HeldLock lock = HeldLock::take(LockClass::renewal, connection);
		if (lock)
			co_return std::move(lock);
		if (std::chrono::steady_clock::now() >= deadline)
			throw Error(ErrorCode::no_worker,
			            "another session renews the tokens of connection " + std::to_string(connection), {},
			            "Try again later.");
		Sleep pause(20ms);
		co_await pause;
	}
}

std::string token_digest(const Secret &token) {
	return crypto::sha256_hex(token.reveal());
}

Task<Done> renew(Request request, Context *context, std::int64_t *locked) {
	Task<HeldLock> waiting = wait_for_renewals(*request.connection);
	const HeldLock lock = co_await waiting;
	const Present present = read_present(request);
	if (!is_meant(request, present.tokens))
		co_return Done{kNotRenewed, 0, {}};
	const Timestamp begun = SystemClock().now();
	bool stored = true;
	std::optional<ProviderError> refused;
	Failure failure;
	try {
		Task<bool> renewing = call_renew(request, present, context);
		stored = co_await renewing;
	} catch (const ProviderError &error) {
		refused.emplace(error);
	} catch (const Error &error) {
		failure.take(error);
	}
	if (refused && record_refusal(request, present.tokens, *refused, begun, locked))
		co_return refusal(*refused, *locked);
	stored = stored && !refused;
	if (failure) {
		record([&] { audit_renewal(request, {}, &*failure); });
		failure.rethrow();
	}
	co_return Done{stored ? R"({"renewed":true})" : kNotRenewed, 0, {}};
}

void throw_refusal(std::string_view result_json) {
	const auto result = json::Document::parse(result_json);
	if (const json::Node refused = result.get("refused"); refused.exists())
		throw store::provider_error_from(refused);
}

// ---- for the worker's own calls ----

namespace {

class OwnKeeper final : public providers::TokenKeeper {
public:
	OwnKeeper(Request request, Context *context) : request_(std::move(request)), context_(context) {}

	Task<Secret> current() override {
		const store::AccessToken stored = read();
		if (!stored.token.empty() && (!stored.renew_at || Runtime::get().clock().now() < *stored.renew_at))
			co_return stored.token;
		Task<Secret> renewing = renew(stored.token);
		co_return co_await renewing;
	}

	Task<Secret> renew(Secret refused) override {
		Request request = request_;
		request.token_digest = token_digest(refused);
		std::int64_t locked = 0;
		Task<Done> renewing = worker::renew(std::move(request), context_, &locked);
		const Done done = co_await renewing;
		if (locked != 0)
			apply_and_unlock(locked);
		throw_refusal(done.result_json);
		co_return read().token;
	}

private:
	store::AccessToken read() const {
		store::AccessToken stored;
		record([&] { stored = store::read_access_token(request_.server, store::token_subject(*request_.connection)); });
		return stored;
	}

	const Request request_;
	Context *const context_;
};

} // namespace

std::shared_ptr<providers::TokenKeeper> own_token_keeper(const LoadedServer &server, ConnectionId connection,
                                                         std::string_view mapping_role, Context *context) {
	if (!server.provider->tokens_expire())
		return nullptr;
	Request request;
	request.server = server.config->name;
	request.mapping_role = mapping_role;
	request.connection = connection;
	return std::make_shared<OwnKeeper>(std::move(request), context);
}

} // namespace ob::pg::worker
