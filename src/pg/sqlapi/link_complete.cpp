// ob.link_complete: what came of a journey. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/grants.hpp"
#include "pg/sqlapi/journey.hpp"
#include "pg/sqlapi/linking.hpp"
#include "pg/sqlapi/repair.hpp"
#include "pg/store/owner.hpp"
#include "pg/worker/client.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Link;

/// The link a response belongs to: by id, by `state`, or by the link token in it.
std::string link_id_of(const std::optional<std::string> &link_id, const json::Document &response) {
	std::string id = link_id.value_or(std::string(response.text("state")));
	if (id.empty() && response.has("link_token"))
		store::as_owner([&] { id = store::find_link_by_token(Secret(response.text("link_token"))); });
	return id;
}

/// What the application says of a journey that came to nothing.
std::string reason_in(const json::Document &response) {
	const json::Node error = response.get("error");
	return std::string(error.is_text() ? error.text() : error.text("error_code"));
}

/// A journey that ended without a connection: no error, the link is cancelled. Unless it has become one all the same:
/// what the user did in one window may be told later than what he did in another.
Task<std::vector<Fields>> complete_without_grant(Link link, std::string reason) {
	Task<std::optional<Fields>> waited = wait_for_exchange(link);
	std::vector<Fields> rows;
	if (std::optional<Fields> row = co_await waited) {
		rows.push_back(std::move(*row));
		co_return std::move(rows);
	}
	link = find_link(link.link_id);
	rows = exchanged_rows(link);
	if (!rows.empty())
		co_return std::move(rows);
	if (link.state != "open" || link.expired)
		store::throw_ended(link);
	rows.push_back(cancel_row(link, reason));
	co_return std::move(rows);
}

/// Nothing in the response tells what came of the link: the provider is asked, or the link itself if it has ended.
Task<std::vector<Fields>> complete_by_asking(Link link, store::LoadedServer server, GrantTerms terms) {
	Secret token;
	if (link.takes_grants())
		store::as_owner([&] { token = store::read_link_token(link.link_id); });
	std::vector<Fields> rows = exchanged_rows(link);
	if (token.empty() && !rows.empty())
		co_return std::move(rows);
	if (!link.takes_grants())
		store::throw_ended(link);
	if (token.empty())
		throw Error(ErrorCode::invalid_argument, "the response holds no grant", {},
		            "Pass what the provider handed out, for Plaid {\"public_token\": \"…\"}.");
	Task<providers::Journey> followed = follow(server, std::move(token));
	providers::Journey journey = co_await followed;
	if (!journey.grants.empty()) {
		terms.vouched = true;
		Task<std::vector<Fields>> exchanged =
		    exchange_grants(std::move(link), std::move(server), std::move(journey.grants), std::move(terms));
		co_return co_await exchanged;
	}
	if (rows.empty())
		rows.push_back(ungranted_row(link, journey));
	co_return std::move(rows);
}

/// A browser has come back from the bank: what it brings counts only with the link's own `state`, and once.
void check_callback(const Link &link, const json::Document &response) {
	if (response.has("code") && !response.has("state"))
		throw Error(ErrorCode::invalid_argument, "the response has a code, but no state", {},
		            "Pass on all that the browser brought: the state shows whose code it is.");
	if (response.has("state") && response.text("state") != link.link_id)
		throw Error(ErrorCode::invalid_argument, "the response belongs to another link", {},
		            "Its state is the link_id of the link that it belongs to.");
	if (!link.takes_grants())
		store::throw_ended(link);
}

Task<std::vector<Fields>> complete(std::string link_id, std::string response_text, std::string user_ip) {
	const json::Document response = parse_object(response_text, "response");
	Link link = find_link(link_id);
	const bool by_callback = providers::find_provider(store::provider_of(link.server))->by_callback();
	if (by_callback)
		check_callback(link, response);
	// An exchange that was cut off may have gone through: it is carried on before anything else is tried.
	Task<bool> recovered = worker::recover(std::nullopt, link_id);
	if (co_await recovered)
		link = find_link(link_id);
	std::vector<Fields> rows;
	if (response.has("error")) {
		Task<std::vector<Fields>> ended = complete_without_grant(std::move(link), reason_in(response));
		co_return co_await ended;
	}
	if (link.kind == "relink" && !by_callback) {
		Task<Fields> repaired = complete_repair(std::move(link), std::move(user_ip));
		rows.push_back(co_await repaired);
		co_return std::move(rows);
	}
	store::LoadedServer server = store::load_server(link.server, link.mapping_role);
	GrantTerms terms;
	terms.allow_duplicate = response.boolean("allow_duplicate").value_or(false);
	terms.user_ip = std::move(user_ip);
	std::vector<providers::LinkGrant> grants = server.provider->grants_from_response(response_text);
	if (grants.empty() && by_callback) {
		Task<std::vector<Fields>> ended = complete_without_grant(std::move(link), {});
		co_return co_await ended;
	}
	if (grants.empty()) {
		Task<std::vector<Fields>> asked = complete_by_asking(std::move(link), std::move(server), std::move(terms));
		co_return co_await asked;
	}
	Task<std::vector<Fields>> exchanged =
	    exchange_grants(std::move(link), std::move(server), std::move(grants), std::move(terms));
	co_return co_await exchanged;
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_link_complete) {
	using namespace ob::pg::sqlapi;
	const std::string response = output_argument(fcinfo, 1).value_or("{}");
	const std::string link_id = link_id_of(text_argument(fcinfo, 0), parse_object(response, "response"));
	return return_rows(fcinfo, run(complete(link_id, response, output_argument(fcinfo, 2).value_or(""))));
}
