#include "pg/worker/first_look.hpp"

#include "core/error.hpp"
#include "core/loop.hpp"
#include "pg/runtime.hpp"
#include "providers/window_provider.hpp"
#include "sync/failure.hpp"

namespace ob::pg::worker {

namespace {

Task<void> read_health(store::LoadedServer server, providers::Credentials credentials, std::string user_ip,
                       store::FirstLook *look) {
	try {
		providers::CallStats stats;
		providers::Session session = Runtime::get().session(server.config, stats);
		session.user_ip = std::move(user_ip);
		Task<providers::ConnectionHealth> task = server.provider->health(session, std::move(credentials));
		look->health = co_await task;
		look->standing_error = sync::standing_failure(look->health);
		if (look->health.institution_id.empty())
			co_return;
		Task<providers::Institution> named =
		    server.provider->institution(std::move(session), look->health.institution_id);
		const providers::Institution bank = co_await named;
		if (look->health.institution_name.empty())
			look->health.institution_name = bank.name;
		look->institution_logo = bank.logo;
	} catch (const Error &) {
		// Only names and dates are missed, or a logo.
	}
}

Task<void> read_accounts(store::LoadedServer server, providers::Credentials credentials, std::string user_ip,
                         store::FirstLook *look) {
	try {
		providers::CallStats stats;
		providers::Session session = Runtime::get().session(server.config, stats);
		session.user_ip = std::move(user_ip);
		if (const auto *windows = dynamic_cast<const providers::WindowProvider *>(server.provider)) {
			Task<providers::AccountListing> task = windows->list_accounts(std::move(session), std::move(credentials));
			providers::AccountListing listing = co_await task;
			look->accounts = std::move(listing.list);
			look->numbers = std::move(listing.numbers);
			co_return;
		}
		std::vector<std::string> every;
		Task<AccountList> task =
		    server.provider->accounts(std::move(session), std::move(credentials), std::move(every));
		look->accounts = co_await task;
	} catch (const Error &) {
		// The first sync reads them.
	}
}

} // namespace

Task<store::FirstLook> look_at(store::LoadedServer server, providers::Credentials credentials, std::string user_ip) {
	store::FirstLook look;
	Loop &loop = co_await ThisLoop();
	TaskGroup group(loop);
	group.spawn(read_health(server, credentials, user_ip, &look));
	group.spawn(read_accounts(server, credentials, user_ip, &look));
	Task<void> both = group.join();
	co_await both;
	co_return std::move(look);
}

} // namespace ob::pg::worker
