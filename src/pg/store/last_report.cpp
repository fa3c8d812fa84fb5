#include "pg/store/last_report.hpp"

#include <array>
#include <utility>

#include "core/error.hpp"
#include "core/time.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sql.hpp"
#include "json/document.hpp"

namespace ob::pg::store {

namespace {

constexpr std::array kStatuses = std::to_array<std::pair<SyncStatus, std::string_view>>({
    {SyncStatus::complete, "complete"},
    {SyncStatus::waiting, "waiting"},
    {SyncStatus::deferred, "deferred"},
    {SyncStatus::busy, "busy"},
});

SyncStatus status_of(std::string_view name) {
	for (const auto &[status, text] : kStatuses)
		if (text == name)
			return status;
	return SyncStatus::complete;
}

[[noreturn]] void throw_failure(ConnectionId id, const SyncFailure &failure) {
	throw Error(failure.code, "connection " + std::to_string(id) + " could not be synced",
	            "another session has just tried; error code: " + failure.provider_code, failure.message);
}

SyncReport report_from_json(std::string_view text) {
	const auto document = json::Document::parse(text);
	const auto number = [&](const char *name) { return document.integer(name).value_or(0); };
	SyncReport report;
	report.status = status_of(document.text("status"));
	report.transactions.added = number("added");
	report.transactions.modified = number("modified");
	report.transactions.removed = number("removed");
	report.transactions.unchanged = number("unchanged");
	report.transactions.quarantined = number("quarantined");
	report.accounts.total = number("accounts");
	report.requests = number("requests");
	report.duration = std::chrono::microseconds(number("microseconds"));
	report.retry_at = time::parse_timestamp(document.text("retry_at"));
	return report;
}

} // namespace

std::string_view status_name(SyncStatus status) {
	for (const auto &[known, text] : kStatuses)
		if (known == status)
			return text;
	return {};
}

std::string report_to_json(const SyncReport &report) {
	json::Object object;
	object.set("status", status_name(report.status)).set("added", report.transactions.added);
	object.set("modified", report.transactions.modified).set("removed", report.transactions.removed);
	object.set("unchanged", report.transactions.unchanged).set("quarantined", report.transactions.quarantined);
	object.set("accounts", report.accounts.total).set("requests", report.requests);
	object.set("microseconds", report.duration.count());
	if (report.retry_at)
		object.set("retry_at", time::format_timestamp(*report.retry_at));
	return std::string(object.dump());
}

std::int64_t finished_syncs(ConnectionId id) {
	// A failure that was recorded for a caller who has raised it counts, and goes on counting once it is applied.
	static Statement select("SELECT s.finished_syncs + (SELECT count(*) FROM ob.outcomes o WHERE o.connection_id = $1 "
	                        "AND o.phase = 'recorded' AND o.kind = 'failure') FROM ob.sync_state s "
	                        "WHERE s.connection_id = $1");
	std::int64_t count = 0;
	as_owner([&] {
		const Result found = select.read_fresh({Param::integer(id)});
		count = found.rows.empty() ? 0 : found.rows.front().integer(0);
	});
	return count;
}

SyncReport last_report(ConnectionId id) {
	static Statement select(
	    "SELECT s.last_report::text, (SELECT o.request::text FROM ob.outcomes o WHERE o.connection_id = $1 "
	    "AND o.phase = 'recorded' AND o.kind = 'failure' AND (c.last_sync_at IS NULL OR c.last_sync_at < o.created_at) "
	    "ORDER BY o.id DESC LIMIT 1) FROM ob.sync_state s JOIN ob.connections c ON c.id = s.connection_id "
	    "WHERE s.connection_id = $1");
	std::string report, failure;
	as_owner([&] {
		const Result found = select.read_fresh({Param::integer(id)});
		if (found.rows.empty())
			return;
		report = found.rows.front().text(0);
		failure = found.rows.front().text(1);
	});
	if (failure.empty() && json::Document::parse(report.empty() ? "{}" : report).root().has("sqlstate"))
		failure = report;
	if (!failure.empty())
		throw_failure(id, failure_from_json(failure));
	return report.empty() ? SyncReport() : report_from_json(report);
}

} // namespace ob::pg::store
