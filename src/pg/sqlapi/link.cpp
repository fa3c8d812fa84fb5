// ob.link, ob.link_complete, ob.link_status, ob.sandbox_link, ob.disconnect. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
#include "tcop/utility.h"
}

#include "crypto/random.hpp"
#include "json/document.hpp"
#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/sqlapi/connection_lock.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/links.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/servers.hpp"
#include "pg/worker/client.hpp"

namespace ob::pg::sqlapi {

namespace {

// Long enough that none is guessed: it is the only thing that ties a bank's answer to a user.
constexpr std::size_t kLinkIdBytes = 24;

std::string new_link_id() { return std::string(crypto::token_urlsafe(kLinkIdBytes).reveal()); }

std::string user_ref_argument(FunctionCallInfo fcinfo, int index) {
	std::string user_ref = required(text_argument(fcinfo, index), "user_ref");
	if (user_ref.empty())
		throw Error(ErrorCode::invalid_argument, "argument \"user_ref\" must not be empty", {},
					"Pass your own stable id of the end user, such as a primary key; no personal data.");
	return user_ref;
}

// ---- ob.link ----

Fields link_row(const std::string &link_id, const providers::LinkOffer &offer) {
	return {field(link_id),          field(offer.action),   field(offer.url.reveal()), field(offer.token.reveal()),
			field(offer.sdk_json), field(offer.expires_at)};
}

Fields start_link(const std::string &server_name, const std::string &user_ref, const std::string &options_text,
				  const std::string &user_ip) {
	const json::Document options = parse_object(options_text, "options");
	const std::string mode = options.has("mode") ? std::string(options.text("mode")) : "hosted";
	if (mode != "hosted" && mode != "embedded")
		throw Error(ErrorCode::invalid_argument, "link option \"mode\" must be hosted or embedded");
	const store::LoadedServer server = usable_server(server_name);
	store::load_keys(); // what comes back must be sealed: without a key no call is made
	guard([] { PreventCommandIfReadOnly("ob.link()"); });

	const std::string canonical = options.canonical_dump();
	std::optional<store::OpenLink> open;
	store::as_owner([&] { open = store::find_open_link(server_name, user_ref, "link", canonical); });
	if (open)
		return link_row(open->link_id, open->offer);

	providers::CallStats stats;
	providers::LinkRequest request;
	request.user_ref = user_ref;
	request.mode = mode;
	request.options_json = canonical;
	const providers::LinkOffer offer =
		run(server.provider->start_link(Runtime::get().session(server.config, stats), std::move(request)));

	store::Link link;
	link.link_id = new_link_id();
	link.server = server_name;
	link.user_ref = user_ref;
	link.kind = "link";
	link.options_json = canonical;
	link.mapping_role = store::current_role();
	link.user_ip = user_ip;
	link.expires_at = offer.expires_at.value_or(Runtime::get().clock().now() + std::chrono::hours(4));
	store::as_owner([&] {
		store::insert_link(link, offer);
		store::audit({.action = "AUTH_LINK_CREATED",
					  .connection = std::nullopt,
					  .server = server_name,
					  .login_role = {},
					  .request_id = stats.last_request_id,
					  .success = true,
					  .details_json = {}});
	});
	return link_row(link.link_id, offer);
}

// ---- ob.link_complete ----

/// The link a response belongs to: by id, by `state`, or by the link token in it.
store::Link find_link(const std::optional<std::string> &link_id, const json::Document &response) {
	std::optional<store::Link> link;
	store::as_owner([&] {
		std::string id = link_id.value_or(std::string(response.text("state")));
		if (id.empty() && response.has("link_token"))
			id = store::find_link_by_token(Secret(response.text("link_token")));
		if (!id.empty())
			link = store::find_link(id);
	});
	if (!link)
		throw Error(ErrorCode::not_found, "there is no such link", {},
					"Pass the link_id that ob.link returned, or a response with its state or link_token.");
	store::check_usage(link->server);
	return std::move(*link);
}

void check_open(const store::Link &link) {
	if (link.state == "open" && !link.expired)
		return;
	throw Error(ErrorCode::not_configured, "the link is no longer open",
				"link: " + link.link_id + ", state: " + (link.expired ? "expired" : link.state) +
					(link.connection ? ", connection: " + std::to_string(*link.connection) : std::string()),
				"Start a new one with ob.link.");
}

/// A journey that ended without a connection: no error, the link is cancelled.
Fields cancel_link(const store::Link &link, const json::Document &response) {
	const json::Node error = response.get("error");
	// The provider's code, never its text.
	std::string reason(error.is_text() ? error.text() : error.text("error_code"));
	constexpr std::size_t kMaxReason = 64;
	const bool is_code = !reason.empty() && reason.size() <= kMaxReason &&
						 reason.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
							 std::string::npos;
	if (!is_code)
		reason = "cancelled";
	store::as_owner([&] { store::end_link(link.link_id, "cancelled", reason, std::nullopt); });
	return {Field(), Field("cancelled"), Field(), Field(), Field("the link was cancelled: " + reason)};
}

/// What the worker made of an exchange, as a row of (connection_id, status, institution_name, duplicate_of, notice).
Fields completed_row(const std::string &result_json) {
	const auto result = json::Document::parse(result_json);
	const auto connection = result.integer("connection_id");
	return {connection ? field(*connection) : Field(), field(result.text("status")), field(result.text("institution_name")),
			Field(), Field()};
}

Fields recovered_row(ConnectionId id) {
	const store::Connection connection = store::find_connection(id);
	return {field(id), field(connection.state), field(connection.institution_name), Field(), Field()};
}

Fields complete_link(const std::optional<std::string> &link_id, const std::string &response_text,
					 const std::string &user_ip) {
	const json::Document response = parse_object(response_text, "response");
	store::Link link = find_link(link_id, response);
	// An exchange that was cut off may have gone through: it is carried on before anything else is tried.
	if (link.state == "open" && run(worker::recover(std::nullopt, link.link_id))) {
		link = find_link(link.link_id, response);
		if (link.state == "completed")
			return recovered_row(*link.connection);
	}
	check_open(link);
	if (response.has("error"))
		return cancel_link(link, response);
	const store::LoadedServer server = store::load_server(link.server, link.mapping_role);
	const std::vector<providers::LinkGrant> grants = server.provider->grants_from_response(response_text);
	if (grants.size() != 1)
		throw Error(ErrorCode::invalid_argument, "the response holds no grant, or several", {},
					"Pass what the provider handed out, for Plaid {\"public_token\": \"…\"}.");
	worker::Request request = worker::request_for("exchange", server, link.mapping_role);
	request.link_id = link.link_id;
	request.user_ref = link.user_ref;
	request.user_ip = user_ip.empty() ? link.user_ip : user_ip;
	worker::put_grant(&request, grants.front());
	return completed_row(run(worker::call(std::move(request))));
}

// ---- ob.sandbox_link ----

Fields sandbox_link(const std::string &server_name, const std::string &user_ref, const std::string &options_text) {
	parse_object(options_text, "options");
	const store::LoadedServer server = usable_server(server_name);
	store::load_keys();
	run(worker::ready());
	providers::CallStats stats;
	const providers::LinkGrant grant =
		run(server.provider->sandbox_grant(Runtime::get().session(server.config, stats), options_text));
	worker::Request request = worker::request_for("exchange", server, store::current_role());
	request.link_id = new_link_id();
	request.link_kind = "sandbox";
	request.user_ref = user_ref;
	worker::put_grant(&request, grant);
	return completed_row(run(worker::call(std::move(request))));
}

// ---- ob.disconnect ----

void disconnect(const store::Connection &connection, bool purge) {
	run(worker::recover(connection.id, {}));
	const bool ended = store::find_connection(connection.id).state == "disconnected";
	// In a read-only transaction the worker does what is left to do.
	if (!ended || (purge && XactReadOnly)) {
		const store::LoadedServer server = store::load_server(connection.server, connection.mapping_role);
		worker::Request request = worker::request_for("remove", server, connection.mapping_role);
		request.connection = connection.id;
		request.purge = purge;
		(void)run(worker::call(std::move(request)));
	}
	// The worker applies it as well, once this transaction has ended; here it is for this transaction to see. A sync
	// that is under way finds the bank's door closed and lets go of the lock.
	if (!XactReadOnly && run(wait_for_lock(connection.id, LockScope::transaction, nullptr)))
		store::as_owner([&] { store::apply_disconnect(connection.id, purge); });
}

// ---- ob.link_status ----

Fields link_status(const std::string &link_id) {
	const auto read = [&] {
		std::optional<store::Link> link;
		store::as_owner([&] { link = store::find_link(link_id); });
		if (!link)
			throw Error(ErrorCode::not_found, "there is no such link");
		return *link;
	};
	store::check_usage(read().server);
	run(worker::recover(std::nullopt, link_id));
	const store::Link link = read();
	return {field(link.expired ? "expired" : link.state), field(link.reason),
			link.connection ? field(*link.connection) : Field(), field(link.expires_at)};
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_link) {
	return return_row(fcinfo, start_link(required(name_argument(fcinfo, 0), "server"), user_ref_argument(fcinfo, 1),
										 output_argument(fcinfo, 2).value_or("{}"), output_argument(fcinfo, 3).value_or("")));
}

OB_FUNCTION(ob_link_complete) {
	return return_rows(fcinfo, {complete_link(text_argument(fcinfo, 0), output_argument(fcinfo, 1).value_or("{}"),
											  output_argument(fcinfo, 2).value_or(""))});
}

OB_FUNCTION(ob_link_status) {
	return return_row(fcinfo, link_status(required(text_argument(fcinfo, 0), "link_id")));
}

OB_FUNCTION(ob_sandbox_link) {
	return return_rows(fcinfo, {sandbox_link(required(name_argument(fcinfo, 0), "server"), user_ref_argument(fcinfo, 1),
											 output_argument(fcinfo, 2).value_or("{}"))});
}

OB_FUNCTION(ob_disconnect) {
	const auto connection =
		ob::pg::store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"));
	disconnect(connection, boolean_argument(fcinfo, 1).value_or(false));
	return return_text("disconnected");
}
