// Talks to the simulated TrueLayer without a socket: what its tests share.
#pragma once

#include "sandbox_client.hpp"

namespace ob::sandbox {

/// The clock stands at 2026-03-07T10:00:00Z.
class TrueLayerTest : public SandboxTest {
protected:
	// RFC 7636, appendix B
	static constexpr const char *kVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	static constexpr const char *kChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
	static constexpr const char *kEverything =
	    "info%20accounts%20cards%20balance%20transactions%20standing_orders%20direct_debits%20offline_access";

	static Request request_of(const std::string &method, const std::string &path, const std::string &body = "",
	                          HeaderList headers = {}) {
		Request request;
		request.method = method;
		const std::size_t question = path.find('?');
		request.path = "/truelayer" + path.substr(0, question);
		request.query = question == std::string::npos ? "" : path.substr(question + 1);
		request.body = body;
		request.headers = std::move(headers);
		return request;
	}

	static std::string error_of(const Answer &answer) { return answer.body.text_of("error"); }

	static std::string location(const Answer &answer) {
		for (const auto &[name, value] : answer.response.headers) {
			if (name == "Location") {
				return value;
			}
		}
		return {};
	}

	/// The value of a parameter in a URL.
	static std::string parameter(const std::string &url, const std::string &name) {
		for (const auto &[key, value] : parse_form(url.substr(url.find('?') + 1))) {
			if (key == name) {
				return value;
			}
		}
		return {};
	}

	static std::string link(const std::string &more = "") {
		return std::string(
		           "/auth/?response_type=code&client_id=sandbox-client&redirect_uri=http://127.0.0.1/cb&scope=") +
		       kEverything + "&state=st%20ate" + more;
	}

	static std::string with_challenge() {
		return std::string("&code_challenge=") + kChallenge + "&code_challenge_method=S256";
	}

	/// A page of the dialog, by the path that a redirect names.
	Answer page(const std::string &url, const std::string &form = "") {
		const std::string path = url.substr(url.find("/truelayer") + std::string("/truelayer").size());
		return send(request_of(form.empty() ? "GET" : "POST", path, form));
	}

	Answer form_post(const std::string &path, const std::string &form) {
		return send(request_of("POST", path, form, {{"Content-Type", "application/x-www-form-urlencoded"}}));
	}
	Answer json_post(const std::string &path, const std::string &body) {
		return send(request_of("POST", path, body, {{"Content-Type", "application/json; charset=utf-8"}}));
	}

	/// Asks the token endpoint.
	Answer token(const std::string &fields) {
		return form_post("/auth/connect/token", "client_id=sandbox-client&client_secret=sandbox-secret&" + fields);
	}
	Answer exchange(const std::string &code, const std::string &more = "") {
		return token("grant_type=authorization_code&redirect_uri=http://127.0.0.1/cb&code=" + code + more);
	}
	Answer refresh(const std::string &refresh_token) {
		return token("grant_type=refresh_token&refresh_token=" + refresh_token);
	}

	/// A code by the dialog's control.
	std::string code(const std::string &url_of_link, const std::string &more = "") {
		const Json done = control("truelayer/link/complete", "{\"url\":" + json_string(url_of_link) + more + "}");
		return parameter(done.text_of("url"), "code");
	}

	/// A connection by a control: `item_id`, `access_token`, `refresh_token`, `account_ids`.
	Json connect(const std::string &words = "{}") {
		return control("truelayer/items/create", words).get("items").elements().front();
	}

	Answer data(const std::string &access_token, const std::string &path, HeaderList more = {}) {
		more.emplace_back("Authorization", "Bearer " + access_token);
		return send(request_of("GET", "/api/data/v1" + path, "", std::move(more)));
	}
	std::vector<Json> results(const std::string &access_token, const std::string &path) {
		const Answer answer = data(access_token, path);
		EXPECT_EQ(answer.status(), 200) << path << " " << answer.response.body;
		return answer.body.get("results").elements();
	}
};

} // namespace ob::sandbox
