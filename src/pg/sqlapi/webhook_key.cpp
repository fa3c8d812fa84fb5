// The key of a webhook, and ob.tell_of_webhook_keys. C++ regime behind OB_FUNCTION.

#include "pg/sqlapi/webhook_key.hpp"

extern "C" {
#include "access/xlog.h"
#include "commands/trigger.h"
#include "utils/inval.h"
#include "utils/rel.h"
}

#include <chrono>
#include <functional>
#include <optional>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "pg/entry.hpp"
#include "pg/guard.hpp"
#include "pg/locks.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/webhook_keys.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/webhook_keys.hpp"
#include "webhook/reasons.hpp"

namespace ob::pg::sqlapi {

namespace {

namespace reason = webhook::reason;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

// Providers wait ten seconds for an answer, and storing what came may take a part of them.
constexpr auto kPatience = 5s;

store::KnownKey look(const std::string &server, const std::string &key_id, std::chrono::seconds refresh) {
	store::KnownKey known;
	store::as_owner([&] { known = store::find_webhook_key(server, key_id, refresh); });
	return known;
}

bool is_crowded(const std::string &server, const std::string &key_id, const std::string &subject) {
	bool is_crowded = false;
	store::as_owner([&] { is_crowded = store::is_webhook_key_crowded(server, key_id, subject); });
	return is_crowded;
}

/// The last key that was found, until one changes; a second at most.
struct Remembered {
	std::uint64_t version = 0;
	steady_clock::time_point at;
	std::string server;
	std::string key_id;
	WebhookKey key;

	bool fits(std::uint64_t present, const std::string &of_server, const std::string &of_id) const {
		return version == present && key_id == of_id && server == of_server && steady_clock::now() - at < 1s;
	}
};

Remembered &remembered() {
	static Remembered last;
	return last;
}

/// What can be said without asking; nothing if the provider has to be asked, or is being asked.
std::optional<WebhookKey> decide(const store::KnownKey &known) {
	if (known.is_fresh || (known.is_good && known.was_asked))
		return WebhookKey{known.jwk, {}, true};
	if (known.is_refused)
		return WebhookKey{{}, reason::key_unknown, true};
	if (known.was_asked && known.failed)
		return WebhookKey{{}, reason::key_not_fetched, false};
	return std::nullopt;
}

struct Asking {
	bool has_ended = false;
	std::exception_ptr failure;
};

Task<void> ask(std::string server, std::string key_id, std::string subject, Asking *asking) {
	try {
		Task<void> asked =
		    worker::ask_for_webhook_key(server, store::current_role(), std::move(key_id), std::move(subject));
		co_await asked;
	} catch (const Error &) {
		asking->failure = std::current_exception();
	}
	asking->has_ended = true;
}

/// Lets the worker ask, which goes on if this runs out of time. Why it could not be, if so.
Task<std::exception_ptr> ask_until(std::string server, std::string key_id, std::string subject,
                                   steady_clock::time_point deadline) {
	Loop &loop = co_await ThisLoop();
	Asking asking;
	TaskGroup beside(loop);
	beside.spawn(ask(std::move(server), std::move(key_id), std::move(subject), &asking));
	while (!asking.has_ended && steady_clock::now() < deadline) {
		Sleep pause(5ms);
		co_await pause;
	}
	beside.reap();
	co_return asking.failure;
}

} // namespace

Task<WebhookKey> find_webhook_key(std::string server, std::string key_id, std::chrono::seconds refresh,
                                  WebhookClaimant claimant) {
	const std::uint64_t version = store::webhook_keys_version();
	if (remembered().fits(version, server, key_id))
		co_return remembered().key;
	const auto deadline = steady_clock::now() + kPatience;
	const auto lock_id = static_cast<std::int64_t>(std::hash<std::string>{}(server));
	std::optional<std::string> subject;
	for (;;) {
		const store::KnownKey known = look(server, key_id, refresh);
		if (const std::optional<WebhookKey> key = decide(known)) {
			if (known.is_fresh)
				remembered() = {version, steady_clock::now(), server, key_id, *key};
			co_return *key;
		}
		if (!subject) {
			if (const std::string_view flaw = claimant.flaw(); !flaw.empty())
				co_return WebhookKey{{}, flaw, true};
			subject = claimant.subject();
		}
		// What is only noted is not asked for, and need not queue up.
		const bool is_to_be_noted = known.jwk.empty() && !known.was_asked && is_crowded(server, key_id, *subject);
		if (is_to_be_noted && (known.is_noted || RecoveryInProgress()))
			co_return WebhookKey{{}, reason::too_many_keys, false};
		const WebhookKey otherwise =
		    known.is_good ? WebhookKey{known.jwk, {}, true} : WebhookKey{{}, reason::key_not_fetched, false};
		if (RecoveryInProgress() || steady_clock::now() >= deadline)
			co_return otherwise;
		if (known.was_asked ||
		    (!is_to_be_noted && !try_lock(LockClass::webhook_key, lock_id, LockScope::transaction))) {
			// A key that is good still need not wait for those who look whether there is a newer word on it.
			if (known.is_good)
				co_return otherwise;
			Sleep pause(20ms);
			co_await pause;
			continue;
		}
		Task<std::exception_ptr> asked = ask_until(server, key_id, *subject, deadline);
		const std::exception_ptr failure = co_await asked;
		if (!is_to_be_noted)
			unlock_transaction(LockClass::webhook_key, lock_id);
		if (look(server, key_id, refresh).was_asked)
			continue;
		// What failed before the provider was asked is wrong here. A key that is good will do all the same.
		if (failure && !known.is_good)
			std::rethrow_exception(failure);
		if (is_to_be_noted)
			co_return WebhookKey{{}, reason::too_many_keys, false};
		if (failure)
			co_return otherwise;
	}
}

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_tell_of_webhook_keys) {
	if (!CALLED_AS_TRIGGER(fcinfo))
		throw ob::Error(ob::ErrorCode::invalid_argument, "ob.tell_of_webhook_keys is a trigger's function");
	ob::pg::guard([&] {
		const auto *data = reinterpret_cast<TriggerData *>(fcinfo->context);
		CacheInvalidateRelcacheByRelid(RelationGetRelid(data->tg_relation));
	});
	return 0;
}
