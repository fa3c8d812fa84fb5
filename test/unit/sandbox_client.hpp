// Talks to the simulator without a socket: what the tests of the simulator share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "../sandbox/simulator.hpp"
#include "../sandbox/text.hpp"

namespace ob::sandbox {

/// An answer with its body read.
struct Answer {
	Response response;
	Json body;

	[[nodiscard]] int status() const { return response.status; }
	[[nodiscard]] std::string code() const { return body.text_of("error_code"); }
	[[nodiscard]] std::string message() const { return body.text_of("error_message"); }
};

/// The simulator, its clock standing at 2026-03-07T10:00:00Z, and a client with the right keys.
class SandboxTest : public testing::Test {
protected:
	SandboxTest() { control("clock", R"({"set": "2026-03-07T10:00:00Z"})"); }

	static Request request_of(const std::string &path, const std::string &body) {
		Request request;
		request.path = path;
		request.body = body;
		request.headers = {{"Content-Type", "application/json"},
		                   {"PLAID-CLIENT-ID", "sandbox-client"},
		                   {"PLAID-SECRET", "sandbox-secret"},
		                   {"Plaid-Version", "2020-09-14"}};
		return request;
	}

	Answer send(const Request &request) {
		Response response = simulator_.handle(request);
		Json body = Json::parse_lenient(response.body);
		return {std::move(response), std::move(body)};
	}

	Answer plaid(const std::string &path, const std::string &body) { return send(request_of("/plaid" + path, body)); }

	Json control(const std::string &path, const std::string &body = "{}") {
		Request request;
		request.path = "/_control/" + path;
		request.body = body;
		const Answer answer = send(request);
		EXPECT_EQ(answer.status(), 200) << path << " " << answer.response.body;
		return answer.body;
	}

	/// An item by way of the API. Returns its access token.
	std::string link(const std::string &options = "{}") {
		const Answer created = plaid(
		    "/sandbox/public_token/create",
		    R"({"institution_id": "ins_109508", "initial_products": ["transactions"], "options": )" + options + "}");
		EXPECT_EQ(created.status(), 200) << created.response.body;
		const Answer exchanged = plaid("/item/public_token/exchange",
		                               ObjectText{}.string("public_token", created.body.text_of("public_token")).end());
		EXPECT_EQ(exchanged.status(), 200) << exchanged.response.body;
		return exchanged.body.text_of("access_token");
	}

	/// An item with one account and no transactions. Returns its access token.
	std::string empty_item() {
		const Json made = control("plaid/items/create", R"({"accounts": [{"account_id": "acc", "name": "Only"}]})");
		return made.get("items").elements().front().text_of("access_token");
	}

	/// {"access_token": token, more…}; `more` begins with a comma, or is empty.
	static std::string with_token(const std::string &token, const std::string &more = "") {
		return "{\"access_token\":" + json_string(token) + more + "}";
	}

	Answer sync(const std::string &token, const std::string &cursor = "", const std::string &more = "") {
		return plaid("/transactions/sync", with_token(token, ",\"cursor\":" + json_string(cursor) + more));
	}

	/// Follows sync to the end of the loop and returns the last answer.
	Answer sync_all(const std::string &token, std::string cursor = "", const std::string &more = ",\"count\":500") {
		for (;;) {
			Answer answer = sync(token, cursor, more);
			EXPECT_EQ(answer.status(), 200) << answer.response.body;
			if (answer.status() != 200 || !answer.body.truth_of("has_more")) {
				return answer;
			}
			cursor = answer.body.text_of("next_cursor");
		}
	}

	/// The cursor at which everything has been told.
	std::string caught_up(const std::string &token) { return sync_all(token).body.text_of("next_cursor"); }

	static std::vector<std::string> ids(const Answer &answer, const char *list) {
		std::vector<std::string> out;
		for (const Json &row : answer.body.get(list).elements()) {
			out.push_back(row.text_of("transaction_id"));
		}
		return out;
	}

	Simulator simulator_{1};
};

} // namespace ob::sandbox
