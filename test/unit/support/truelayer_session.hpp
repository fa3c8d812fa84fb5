// A session with TrueLayer over a fake transport.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/time.hpp"
#include "http/transport.hpp"
#include "providers/provider.hpp"
#include "providers/token_keeper.hpp"
#include "providers/truelayer/provider.hpp"
#include "unit/support/caught.hpp"
#include "unit/support/fake_clock.hpp"
#include "unit/support/fake_transport.hpp"

namespace ob::test {

/// Access tokens "access-1", "access-2", … in order.
class FakeKeeper final : public providers::TokenKeeper {
public:
	Task<Secret> current() override {
		co_await Yield();
		co_return name();
	}
	Task<Secret> renew(Secret token) override {
		co_await Yield();
		refused.emplace_back(token.reveal());
		if (failure)
			throw ProviderError(*failure);
		++number;
		co_return name();
	}

	int number = 1;
	std::vector<std::string> refused;
	std::optional<ProviderError> failure;

private:
	Secret name() const { return Secret("access-" + std::to_string(number)); }
};

struct TrueLayerSession {
	TrueLayerSession() {
		server->name = "my_bank";
		server->provider = "truelayer";
		server->pool = 78;
		server->credentials.emplace("client_id", Secret("sandbox-client"));
		server->credentials.emplace("client_secret", Secret("the-secret"));
		server->options["redirect_uri"] = "https://app.example/back";
	}

	TrueLayerSession &option(const std::string &name, const std::string &value) {
		server->options[name] = value;
		return *this;
	}
	providers::Session session() {
		providers::Session session;
		session.server = server;
		session.transport = &transport;
		session.clock = &clock;
		session.stats = &stats;
		session.tokens = tokens;
		session.user_ip = user_ip;
		session.authenticated_at = authenticated_at;
		return session;
	}
	/// The user has just been at the bank.
	void log_in() { authenticated_at = clock.now() - std::chrono::seconds(10); }

	static providers::Credentials credentials() {
		providers::Credentials credentials;
		credentials.emplace("access_token", Secret("access-0"));
		credentials.emplace("refresh_token", Secret("refresh-0"));
		return credentials;
	}

	std::shared_ptr<providers::ServerConfig> server = std::make_shared<providers::ServerConfig>();
	FakeTransport transport;
	FakeClock clock;
	providers::CallStats stats;
	std::shared_ptr<FakeKeeper> tokens;
	std::string user_ip;
	std::optional<Timestamp> authenticated_at;
	providers::truelayer::TrueLayerProvider provider;
};

/// The object TrueLayer sends with a refusal. The texts must never reach a user.
inline std::string truelayer_error(const std::string &code, const std::string &reason = {}) {
	return R"({"error":")" + code + R"(","error_description":"SECRET TEXT","error_details":{)" +
	       (reason.empty() ? "" : R"("reason":")" + reason + "\"") + "}}";
}

inline std::string results(const std::string &items, const std::string &status = "Succeeded") {
	return R"({"results":[)" + items + R"(],"status":")" + status + "\"}";
}

} // namespace ob::test
