// A session with Plaid over a fake transport.
#pragma once

#include <memory>
#include <string>

#include "providers/plaid/provider.hpp"
#include "providers/provider.hpp"
#include "unit/support/caught.hpp"
#include "unit/support/fake_clock.hpp"
#include "unit/support/fake_transport.hpp"

namespace ob::test {

struct PlaidSession {
	PlaidSession() {
		server->name = "my_plaid";
		server->provider = "plaid";
		server->pool = 77;
		server->credentials.emplace("client_id", Secret("the-client"));
		server->credentials.emplace("client_secret", Secret("the-secret"));
	}

	PlaidSession &option(const std::string &name, const std::string &value) {
		server->options[name] = value;
		return *this;
	}
	providers::Session session() {
		providers::Session session;
		session.server = server;
		session.transport = &transport;
		session.clock = &clock;
		session.stats = &stats;
		return session;
	}
	static providers::Credentials credentials() {
		providers::Credentials credentials;
		credentials.emplace("access_token", Secret("access-sandbox-1"));
		return credentials;
	}

	std::shared_ptr<providers::ServerConfig> server = std::make_shared<providers::ServerConfig>();
	FakeTransport transport;
	FakeClock clock;
	providers::CallStats stats;
	providers::plaid::PlaidProvider provider;
};

/// The object Plaid sends with a refusal. The texts must never reach a user.
inline std::string plaid_error(const std::string &type, const std::string &code,
                               const std::string &message = "SECRET TEXT", const std::string &reason = {}) {
	return R"({"display_message":"SECRET TEXT","documentation_url":"https://plaid.com/docs/","error_code":")" + code +
	       R"(","error_code_reason":)" + (reason.empty() ? "null" : "\"" + reason + "\"") + R"(,"error_message":")" +
	       message + R"(","error_type":")" + type + R"(","request_id":"req-1","suggested_action":null})";
}

} // namespace ob::test
