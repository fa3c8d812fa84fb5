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

/// Of a journey: the provider is asked what has come of it, as ob.link_complete does. Nothing that the webhook brought
/// is needed for that, so no grant is ever kept.
WebhookResult complete_link(const WebhookRow &event) {
	static store::Statement complete("SELECT l.connection_id, l.status FROM ob.link_complete($1) l");
	std::string link_id;
	store::as_owner([&] { link_id = store::find_link_by_digest(event.task.link_digest); });
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
	store::as_owner([&] {
		store::limit_lock_waits();
		result = store::plan_webhook(event.server, event.task, event.signed_at);
		is_due = result.apply && store::apply_webhook(*result.connection, event.task);
	});
	if (is_due)
		sync_after_commit();
	return result;
}

/// What the failure of a try makes of the event. Throws on what is to end everything.
WebhookResult result_of(const std::exception_ptr &failure) {
	try {
		std::rethrow_exception(failure);
	} catch (const ServerError &error) {
		if (UndoneError::must_pass(error))
			throw;
		// A journey that has ended without a connection stays so.
		const int code = error.data()->sqlerrcode;
		return {.status = code == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE ? "failed" : "waiting",
		        .reason = unpack_sql_state(code)};
	} catch (const Error &error) {
		return {.status = "waiting", .reason = sqlstate(error.code())};
	}
}

std::string process(const WebhookRow &event, const Unit &unit) {
	WebhookResult result;
	std::exception_ptr failure;
	const auto settle = [&] { store::as_owner([&] { store::settle_webhook(event.event_id, result); }); };
	try {
		unit([&] {
			result = event.task.effect == store::WebhookEffect::link ? complete_link(event) : change_connection(event);
			settle();
		});
	} catch (...) {
		failure = std::current_exception();
	}
	if (!failure)
		return result.status;
	result = result_of(failure);
	log_failure("webhook event " + std::to_string(event.event_id), failure);
	unit(settle);
	return result.status;
}

std::optional<WebhookRow> read(std::int64_t event_id, const Unit &unit) {
	std::optional<WebhookRow> event;
	unit([&] { store::as_owner([&] { event = store::read_webhook(event_id); }); });
	return event;
}

} // namespace

WebhookCounts work_off_webhooks(const std::vector<std::string> &servers, const Unit &unit) {
	WebhookCounts counts;
	std::vector<std::int64_t> waiting;
	unit([&] {
		store::as_owner([&] {
			counts.failed = store::give_up_webhooks(servers);
			waiting = store::waiting_webhooks(servers);
		});
	});
	for (const std::int64_t id : waiting) {
		Runtime::get().waiter().check();
		bool claimed = false;
		unit([&] { store::as_owner([&] { claimed = store::claim_webhook(id); }); });
		const std::optional<WebhookRow> event = claimed ? read(id, unit) : std::nullopt;
		if (!event)
			continue;
		const std::string status = process(*event, unit);
		++(status == "waiting" ? counts.waiting : status == "failed" ? counts.failed : counts.processed);
	}
	return counts;
}

std::string process_webhook(std::int64_t event_id, const Unit &unit) {
	std::optional<WebhookRow> event = read(event_id, unit);
	if (!event)
		throw Error(ErrorCode::not_found, "there is no webhook event " + std::to_string(event_id), {},
		            "See the table ob.webhook_events.");
	if (!event->verified)
		throw Error(ErrorCode::invalid_argument, "webhook event " + std::to_string(event_id) + " was rejected", {},
		            "What did not verify never has an effect.");
	event->signed_at.reset(); // whoever asks for it knows better than the order of signatures
	return process(*event, unit);
}

} // namespace ob::pg::worker
