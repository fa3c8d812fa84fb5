// C++ regime.
#include "providers/plaid/journey.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/time.hpp"
#include "providers/plaid/accounts.hpp"
#include "providers/plaid/client.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr std::string_view kEndpoint = "/link/token/get";

/// Adds a public token unless it is there already: Plaid hands the same one out in several places, and it can be
/// exchanged once.
void add_token(std::vector<LinkGrant> &grants, std::string_view token) {
	LinkGrant grant;
	grant.kind = "public_token";
	grant.value = Secret(token);
	const bool known =
	    std::any_of(grants.begin(), grants.end(), [&](const LinkGrant &other) { return other.value == grant.value; });
	if (!token.empty() && !known)
		grants.push_back(std::move(grant));
}

/// `facts` has the form of Link's metadata; any part of it may be missing.
void describe(LinkGrant &grant, json::Node facts) {
	const json::Node institution = facts.get("institution");
	grant.institution_id = institution.text("institution_id");
	grant.institution_name = institution.text("name");
	for (const json::Node account : facts.get("accounts").items())
		if (account.has("name") || account.has("mask"))
			grant.accounts.push_back({kept_name(account.text("name")), kept_mask(account.text("mask"))});
}

void add_grant(std::vector<LinkGrant> &grants, std::string_view token, json::Node facts) {
	const std::size_t before = grants.size();
	add_token(grants, token);
	if (grants.size() > before)
		describe(grants.back(), facts);
}

void add_grants(std::vector<LinkGrant> &grants, json::Node session) {
	for (const json::Node result : session.get("results").get("item_add_results").items())
		add_grant(grants, result.text("public_token"), result);
	// The older form, for customers who do not have the newer one yet.
	const json::Node success = session.get("on_success");
	add_grant(grants, success.text("public_token"), success.get("metadata"));
}

std::string exit_reason(json::Node exit) {
	const json::Node error = exit.get("error");
	return std::string(error.has("error_code") ? error.text("error_code") : exit.get("metadata").text("status"));
}

/// The user came to Link's end. Update mode yields no token that could show it.
bool ended_well(json::Node session) {
	const std::vector<json::Node> events = session.get("events").items();
	return session.has("results") || session.has("on_success") ||
	       std::any_of(events.begin(), events.end(),
	                   [](json::Node event) { return event.text("event_name") == "HANDOFF"; });
}

Journey read_journey(const json::Document &answer) {
	Journey journey;
	bool unfinished = false;
	bool left = false;
	bool finished = false;
	std::optional<Timestamp> latest;
	for (const json::Node session : answer.get("link_sessions").items()) {
		add_grants(journey.grants, session);
		const json::Node exit = session.has("exit") ? session.get("exit") : session.get("on_exit");
		const std::string_view finished_at = session.text("finished_at");
		if (!exit.exists()) {
			unfinished |= finished_at.empty();
			finished |= !finished_at.empty() && ended_well(session);
			continue;
		}
		left = true;
		// The sessions are in no promised order; the last exit is the one that counts.
		if (const auto ended = time::parse_timestamp(finished_at); ended >= latest) {
			latest = ended;
			journey.reason = exit_reason(exit);
		}
	}
	if (!journey.grants.empty() || finished)
		journey.state = Journey::State::granted;
	else if (left && !unfinished)
		journey.state = Journey::State::left;
	if (journey.state != Journey::State::left)
		journey.reason.clear();
	return journey;
}

} // namespace

Task<Journey> follow_link(Session session, Secret token) {
	json::Object body;
	body.set_secret("link_token", token);
	Call call;
	call.endpoint = kEndpoint;
	call.body = body.dump();
	json::Document answer = co_await ask(std::move(session), std::move(call));
	if (answer.text("link_token").empty())
		bad_answer(kEndpoint, "link_token is missing", answer.text("request_id"));
	co_return read_journey(answer);
}

std::vector<LinkGrant> grants_from_response(std::string_view response_json) {
	json::ParseLimits limits;
	limits.error = ErrorCode::invalid_argument;
	const json::Document response = json::Document::parse(response_json, limits);
	std::vector<LinkGrant> grants;
	// The list is the form of webhooks: several tokens are several items, each to be exchanged on its own.
	for (const json::Node token : response.get("public_tokens").items())
		add_token(grants, token.text());
	if (grants.empty())
		add_token(grants, response.text("public_token"));
	// What Link tells the application in onSuccess is about one item.
	if (grants.size() == 1)
		describe(grants.front(), response.get("metadata"));
	return grants;
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
