#include "pg/worker/webhook_work.hpp"

#include <optional>

#include "core/error.hpp"
#include "pg/guard.hpp"
#include "pg/log.hpp"
#include "pg/runtime.hpp"
#include "pg/store/links.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sql.hpp"
#include "pg/store/webhook_events.hpp"
#include "pg/undone.hpp"
#include "pg/worker/sync_start.hpp"

namespace ob::pg::worker {

namespace {

using store::WebhookResult;
using store::WebhookRow;

/// For short, whoever holds what is wanted.
void as_patient_owner(const std::function<void()> &body) {
	store::as_owner([&] {
		store::limit_lock_waits();
		body();
	});
}

/// Of a journey: the provider is asked what has come of it, as ob.link_complete does. Nothing that the webhook brought
/// is needed for that, so no grant is ever kept.
WebhookResult complete_link(const WebhookRow &event) {
	static store::Statement complete("SELECT l.connection_id, l.status FROM ob.link_complete($1) l");
	store::limit_lock_waits();
	std::string link_id;
	store::as_owner([&] { link_id = store::find_link_by_digest(event.server, event.task.link_digest); });
	if (link_id.empty())
		return {.status = "waiting", .reason = "link_unknown"};
	WebhookResult result{.status = "processed"};
	for (const store::Row &row : complete.run({store::Param::text(link_id)}).rows) {
		if (!row.is_null(0) && !result.connection)
			result.connection = row.integer(0);
		if (row.text(1) == "waiting")
			result.status = "waiting";
		if (row.is_null(0) && result.reason.empty())
			result.reason = row.text(1);
	}
	return result;
}

WebhookResult change_connection(const WebhookRow &event) {
	WebhookResult result;
	bool is_due = false;
	as_patient_owner([&] {
		result = store::plan_webhook(event.server, event.task, event.signed_at, false);
		is_due = result.apply && store::apply_webhook(result, event.task);
	});
	if (is_due)
		sync_after_commit();
	result.try_soon = false; // this has been the try
	return result;
}

/// The state of the event's link if that has ended without a connection, else empty.
std::string end_of_link(const WebhookRow &event) {
	if (event.task.effect != store::WebhookEffect::link)
		return {};
	const std::string link_id = store::find_link_by_digest(event.server, event.task.link_digest);
	const std::optional<store::Link> link = store::find_link(link_id);
	return link && link->state != "open" && link->state != "completed" ? link->state : std::string();
}

/// Why a try failed, as an SQLSTATE. Throws on what is to end everything.
std::string reason_of(const std::exception_ptr &failure) {
	try {
		std::rethrow_exception(failure);
	} catch (const ServerError &error) {
		if (UndoneError::must_pass(error))
			throw;
		return unpack_sql_state(error.data()->sqlerrcode);
	} catch (const Error &error) {
		return sqlstate(error.code());
	}
}

/// Notes that a try failed. A journey that has ended without a connection stays so; whatever else it was may pass.
std::string keep_waiting(const WebhookRow &event, std::string reason, const Unit &unit) {
	WebhookResult result{.status = "waiting", .reason = std::move(reason)};
	try {
		unit([&] {
			as_patient_owner([&] {
				if (std::string end = end_of_link(event); !end.empty())
					result = {.status = "failed", .reason = std::move(end)};
				store::settle_webhook(event.event_id, result);
			});
		});
	} catch (const ServerError &error) {
		if (UndoneError::must_pass(error))
			throw;
		log_failure("webhook event " + std::to_string(event.event_id), std::current_exception());
	}
	return result.status;
}

void settle(const WebhookRow &event, const WebhookResult &result) {
	as_patient_owner([&] { store::settle_webhook(event.event_id, result); });
}

enum class Why { waits, is_asked_for };

/// Lets the event have its effect and settles it. One that waits may have come again, and had it, a moment ago.
WebhookResult try_now(const WebhookRow &event, Why why) {
	const bool is_of_link = event.task.effect == store::WebhookEffect::link;
	if (!is_of_link && why == Why::waits) {
		bool waits = false;
		as_patient_owner([&] { waits = store::hold_webhook(event.event_id); });
		if (!waits)
			return {.status = "processed"};
	}
	const WebhookResult result = is_of_link ? complete_link(event) : change_connection(event);
	settle(event, result);
	return result;
}

std::string process(const WebhookRow &event, Why why, const Unit &unit) {
	WebhookResult result;
	std::exception_ptr failure;
	try {
		unit([&] { result = try_now(event, why); });
	} catch (...) {
		failure = std::current_exception();
	}
	if (!failure)
		return result.status;
	std::string reason = reason_of(failure);
	log_failure("webhook event " + std::to_string(event.event_id), failure);
	return keep_waiting(event, std::move(reason), unit);
}

std::vector<std::int64_t> due(const std::vector<std::string> &servers, bool of_links, const Unit &unit) {
	std::vector<std::int64_t> ids;
	unit([&] { store::as_owner([&] { ids = store::waiting_webhooks(servers, of_links); }); });
	return ids;
}

void work_off(const std::vector<std::int64_t> &ids, const Unit &unit, WebhookCounts *counts) {
	for (const std::int64_t id : ids) {
		Runtime::get().waiter().check();
		std::optional<WebhookRow> event;
		unit([&] { store::as_owner([&] { event = store::claim_webhook(id); }); });
		if (!event)
			continue;
		const std::string status = process(*event, Why::waits, unit);
		++(status == "waiting" ? counts->waiting : status == "failed" ? counts->failed : counts->processed);
	}
}

} // namespace

WebhookCounts work_off_webhooks(const std::vector<std::string> &servers, const Unit &unit) {
	WebhookCounts counts;
	unit([&] { as_patient_owner([&] { counts.failed = store::give_up_webhooks(servers); }); });
	// Other links, and what needs no call, do not wait behind one whose provider does not answer.
	work_off(due(servers, false, unit), unit, &counts);
	const std::vector<std::int64_t> links = due(servers, true, unit);
	if (links.size() > 1)
		start_webhook_worker();
	for (const std::int64_t link : links) {
		work_off({link}, unit, &counts);
		work_off(due(servers, false, unit), unit, &counts);
	}
	return counts;
}

std::string process_webhook(std::int64_t event_id, const Unit &unit) {
	std::optional<WebhookRow> event;
	unit([&] { store::as_owner([&] { event = store::read_webhook(event_id); }); });
	if (!event)
		throw Error(ErrorCode::not_found, "there is no webhook event " + std::to_string(event_id), {},
		            "See the table ob.webhook_events.");
	if (!event->verified)
		throw Error(ErrorCode::invalid_argument, "webhook event " + std::to_string(event_id) + " was rejected", {},
		            "What did not verify never has an effect.");
	event->signed_at.reset(); // whoever asks for it knows better than the order of signatures
	return process(*event, Why::is_asked_for, unit);
}

} // namespace ob::pg::worker
