// ob.webhook_retry, ob.sweep_webhooks, ob.webhook_subscribe. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include <vector>

#include "core/loop.hpp"
#include "pg/entry.hpp"
#include "pg/memory.hpp"
#include "pg/settings.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/webhook_events.hpp"
#include "pg/subxact.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/webhook_work.hpp"
#include "providers/webhook_source.hpp"

namespace ob::pg::sqlapi {

namespace {

// ---- events that wait ----

void check_event_server(std::int64_t event_id) {
	std::optional<store::WebhookRow> event;
	store::as_owner([&] { event = store::read_webhook(event_id); });
	if (event)
		store::check_usage(event->server);
}

void sweep() {
	check_calls_allowed(); // else each event would fail
	const auto unit = [](const std::function<void()> &body) {
		with_scratch_memory([&] { subtransaction(body); });
		store::commit();
	};
	const worker::WebhookCounts counts = worker::work_off_webhooks(store::usable_servers(), unit);
	guard([&] {
		ereport(NOTICE,
		        (errmsg("webhooks: " INT64_FORMAT " processed, " INT64_FORMAT " waiting, " INT64_FORMAT " given up",
		                counts.processed, counts.waiting, counts.failed),
		         counts.failed > 0 ? errhint("See ob.webhook_events.") : 0));
	});
}

// ---- where webhooks go ----

struct Subscription {
	store::Connection connection;
	std::string failure; // empty: it has been done
};

/// One after the other takes from the list, until there is none left.
Task<void> subscribe_some(store::LoadedServer server, std::string url, std::vector<Subscription> *all,
                          std::size_t *next) {
	const providers::WebhookSource *source = providers::find_webhook_source(server.config->provider);
	while (*next < all->size()) {
		Subscription &mine = (*all)[(*next)++];
		providers::CallStats stats;
		try {
			const store::LoadedServer its = store::load_server(mine.connection.server, mine.connection.mapping_role);
			Task<void> set = source->set_url(Runtime::get().session(its.config, stats, mine.connection.id),
			                                 store::load_credentials(mine.connection), url);
			co_await set;
		} catch (const Error &error) {
			mine.failure = error.message();
		}
	}
}

Task<void> subscribe_all(store::LoadedServer server, std::string url, std::vector<Subscription> *all) {
	Loop &loop = co_await ThisLoop();
	TaskGroup group(loop);
	std::size_t next = 0;
	const auto parallel = static_cast<std::size_t>(settings::max_parallel());
	for (std::size_t i = 0; i < std::min(parallel, all->size()); ++i)
		group.spawn(subscribe_some(server, url, all, &next));
	while (group.running() > 0) {
		Sleep pause(std::chrono::milliseconds(5));
		co_await pause;
		group.reap();
	}
}

std::string url_for(const store::LoadedServer &server, const std::optional<std::string> &url) {
	if (!url)
		return std::string(server.config->required_option("webhook_url"));
	providers::validate_option(providers::OptionCatalog::server, server.config->provider, "webhook_url", *url);
	if (server.config->option("environment") == "production" && !url->starts_with("https:"))
		throw Error(ErrorCode::invalid_argument, "argument \"url\" must be https in production");
	return *url;
}

std::vector<Subscription> subscribe(const std::string &name, const std::optional<std::string> &url) {
	check_calls_allowed();
	const store::LoadedServer server = usable_server(name);
	const providers::WebhookSource *source = providers::find_webhook_source(server.config->provider);
	if (!source)
		throw Error(ErrorCode::unsupported, "provider " + server.config->provider + " has no webhooks");
	if (const std::string place(source->url_is_set_in()); !place.empty())
		throw Error(ErrorCode::unsupported,
		            "where the webhooks of provider " + server.config->provider + " go is set in " + place);
	const std::string target = url_for(server, url);
	std::vector<Subscription> all;
	for (store::Connection &connection : store::connections_of(name))
		all.push_back({std::move(connection), {}});
	run(subscribe_all(server, target, &all));
	std::int64_t failed = 0;
	for (const Subscription &one : all)
		failed += !one.failure.empty();
	json::Object details;
	details.set("connections", all.size()).set("failed", failed);
	const std::string text(details.dump());
	run(worker::commit_audit_surely(
	    {.action = "WEBHOOKS_SUBSCRIBED", .server = name, .success = failed == 0, .details_json = text}));
	return all;
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_webhook_retry) {
	const std::int64_t event_id = required(integer_argument(fcinfo, 0), "event_id");
	check_event_server(event_id);
	return return_text(ob::pg::worker::process_webhook(
	    event_id, [](const std::function<void()> &body) { ob::pg::subtransaction(body); }));
}

OB_FUNCTION(ob_sweep_webhooks) {
	ob::pg::store::in_procedure(fcinfo, "ob.sweep_webhooks", [] { sweep(); });
	return 0;
}

OB_FUNCTION(ob_webhook_subscribe) {
	const std::string server = required(name_argument(fcinfo, 0), "server");
	const std::vector<Subscription> all = subscribe(server, text_argument(fcinfo, 1));
	return return_rows(fcinfo, all.size(), [&](std::size_t i) -> Fields {
		return {field(all[i].connection.id), all[i].failure.empty() ? "updated" : "failed", field(all[i].failure)};
	});
}
