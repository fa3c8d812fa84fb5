#include "pg/runtime.hpp"

extern "C" {
#include "utils/inval.h"
#include "utils/syscache.h"
}

#include <string>

#include "core/time.hpp"
#include "http/curl_transport.hpp"
#include "pg/settings.hpp"
#include "pg/version.hpp"

namespace ob::pg {

namespace {

/// Set by the catalog callbacks, which may run at any moment and only leave a mark.
volatile bool catalog_changed = false;

void on_catalog_change(Datum, int, uint32) { catalog_changed = true; }

/// Wall-clock time, or in a test build the time that openbanking.test_clock says.
class ServerClock final : public Clock {
public:
	Timestamp now() const override {
		if (const char *fixed = settings::test_clock(); fixed[0] != '\0')
			if (const auto parsed = time::parse_timestamp(fixed))
				return *parsed;
		return SystemClock().now();
	}
};

/// Every provider's own hosts.
std::vector<std::string> known_hosts() {
	std::vector<std::string> hosts;
	for (const std::string_view name : providers::provider_names())
		for (std::string &host : providers::find_provider(name)->known_hosts())
			hosts.push_back(std::move(host));
	return hosts;
}

class ServerSettings final : public http::TransportSettings {
public:
	http::Limits limits() const override {
		http::Limits limits;
		limits.connect_timeout = settings::connect_timeout();
		limits.total_timeout = settings::http_timeout();
		limits.max_response_size = settings::max_response_size();
		return limits;
	}
	std::shared_ptr<const http::HostPolicy> hosts() const override {
		if (!policy_ || list_ != settings::allowed_hosts()) {
			list_ = settings::allowed_hosts();
			policy_ = std::make_shared<http::HostPolicy>(known_hosts(), list_);
		}
		return policy_;
	}

private:
	mutable std::string list_;
	mutable std::shared_ptr<const http::HostPolicy> policy_;
};

} // namespace

struct Runtime::Http {
	explicit Http(Reactor &reactor) : transport(reactor, settings, kVersion) {}
	ServerSettings settings;
	http::CurlTransport transport;
};

Runtime::Runtime() : clock_(std::make_unique<ServerClock>()) {}

Runtime &Runtime::get() {
	static Runtime *runtime = new Runtime;
	return *runtime;
}

http::Transport &Runtime::transport() {
	if (!settings::enabled())
		throw Error(ErrorCode::not_configured, "providers may not be called", "openbanking.enabled is off",
					"A superuser can turn it on.");
	if (!http_)
		http_ = new Http(reactor_);
	if (catalog_changed) {
		catalog_changed = false;
		http_->transport.drop_all_pools();
	}
	return http_->transport;
}

void watch_catalog() {
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, on_catalog_change, 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, on_catalog_change, 0);
}

} // namespace ob::pg
