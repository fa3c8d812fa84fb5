// Journeys begin: ob.link, ob.relink, and ob.sandbox_link, which needs none. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "tcop/utility.h"
}

#include "crypto/seal.hpp"
#include "pg/entry.hpp"
#include "pg/sqlapi/linking.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/owner.hpp"
#include "pg/worker/client.hpp"

namespace ob::pg::sqlapi {

namespace {

using store::Link;

constexpr std::chrono::hours kLinkLasts{4}; // where the provider does not say

Fields link_row(const std::string &link_id, const providers::LinkOffer &offer) {
	return {field(link_id),        field(offer.action),    field(offer.url.reveal()), field(offer.token.reveal()),
	        field(offer.sdk_json), field(offer.expires_at)};
}

/// A refusal is in the audit log although it raises.
providers::LinkOffer ask_offer(const Link &link, const store::LoadedServer &server, providers::LinkRequest request,
                               providers::CallStats &stats) {
	std::optional<Error> failure;
	try {
		return run(server.provider->start_link(Runtime::get().session(server.config, stats), std::move(request)));
	} catch (const Error &error) {
		failure.emplace(error);
	}
	const std::string details = store::error_to_json(*failure);
	run(worker::commit_audit_surely({.action = "AUTH_LINK_CREATED",
	                                 .connection = link.connection,
	                                 .server = link.server,
	                                 .user_ref = link.user_ref,
	                                 .request_id = stats.last_request_id,
	                                 .success = false,
	                                 .details_json = details,
	                                 .user_ip = link.user_ip}));
	throw *failure;
}

/// The same journey that is open already, or a new one. Fills in what is missing of `link` and `request`.
Fields start(Link link, const store::LoadedServer &server, providers::LinkRequest request) {
	const json::Document options = parse_object(link.options_json, "options");
	request.mode = options.has("mode") ? std::string(options.text("mode")) : "hosted";
	if (request.mode != "hosted" && request.mode != "embedded")
		throw Error(ErrorCode::invalid_argument, "link option \"mode\" must be hosted or embedded");
	store::load_keys(); // what comes back must be sealed: without a key no call is made
	link.options_json = options.canonical_dump();
	link.server_version = server.version;
	if (!server.provider->by_callback()) {
		std::optional<store::OpenLink> open;
		store::as_owner([&] { open = store::find_open_link(link); });
		if (open)
			return link_row(open->link_id, open->offer);
	}
	link.link_id = new_link_id();
	request.link_id = link.link_id;
	request.user_ref = link.user_ref;
	request.options_json = link.options_json;
	providers::CallStats stats;
	providers::LinkOffer offer = ask_offer(link, server, std::move(request), stats);
	if (!offer.expires_at)
		offer.expires_at = Runtime::get().clock().now() + kLinkLasts;
	link.expires_at = *offer.expires_at;
	store::as_owner([&] {
		store::insert_link(link, offer);
		store::audit({.action = "AUTH_LINK_CREATED",
		              .connection = link.connection,
		              .server = link.server,
		              .user_ref = link.user_ref,
		              .request_id = stats.last_request_id,
		              .user_ip = link.user_ip});
	});
	return link_row(link.link_id, offer);
}

// ---- ob.link ----

Fields start_link(const std::string &server_name, const std::string &user_ref, const std::string &options,
                  const std::string &user_ip) {
	Link link;
	link.server = server_name;
	link.user_ref = user_ref;
	link.kind = "link";
	link.options_json = options;
	link.mapping_role = store::current_role();
	link.user_ip = user_ip;
	const store::LoadedServer server = usable_server(server_name);
	guard([] { PreventCommandIfReadOnly("ob.link()"); });
	return start(std::move(link), server, {});
}

// ---- ob.relink ----

/// Whether the consent is to be prolonged. The provider is told that the user has agreed to that, so somebody has to
/// say so.
bool is_extension(const std::string &options_text) {
	const json::Document options = parse_object(options_text, "options");
	if (options.has("extend") && !options.boolean("extend"))
		throw Error(ErrorCode::invalid_argument, "link option \"extend\" must be true or false");
	if (!options.boolean("extend").value_or(false))
		return false;
	if (options.boolean("user_has_reconfirmed_consent") != true)
		throw Error(ErrorCode::invalid_argument, "the user must have confirmed his consent again", {},
		            "If he has, say so in the options: \"user_has_reconfirmed_consent\": true.");
	return true;
}

/// Who the user is goes to the provider only.
std::string kept_of_extension(const json::Document &options) {
	json::Object kept;
	for (const auto &[name, value] : options.root().members())
		if (name != "user")
			kept.set(name, value);
	return kept.canonical_dump();
}

/// By a worker, since new tokens may come of it. The connection works again then; else the user has a link to walk.
Fields extend(const Link &link, const store::Connection &connection, const store::LoadedServer &server) {
	const crypto::KeyRing keys = store::load_keys();
	const json::Document options = parse_object(link.options_json, "options");
	worker::Request request = worker::request_for("extend", server, connection.mapping_role);
	request.connection = connection.id;
	request.link_id = new_link_id();
	request.options_json = kept_of_extension(options);
	request.sealed_grant = crypto::seal(keys, options.canonical_dump(), worker::outcome_place(request.call_id));
	request.user_ref = link.user_ref;
	request.user_ip = link.user_ip;
	const std::string link_id = request.link_id;
	(void)run(worker::call(std::move(request)));
	std::optional<store::OpenLink> made;
	store::as_owner([&] { made = store::read_offer(link_id); });
	return link_row(link_id, made.value().offer);
}

Fields start_relink(ConnectionId id, const std::string &options, const std::string &user_ip) {
	guard([] { PreventCommandIfReadOnly("ob.relink()"); });
	(void)store::find_connection_for_caller(id);
	run(worker::recover(id, {}));
	const store::Connection connection = store::find_connection(id);
	if (connection.state == "disconnected")
		throw Error(ErrorCode::not_configured, "connection " + std::to_string(id) + " is disconnected",
		            "server: " + connection.server, "Link the bank anew with ob.link.");
	Link link;
	link.server = connection.server;
	link.user_ref = connection.user_ref;
	link.kind = "relink";
	link.options_json = options;
	link.connection = id;
	link.error_code = connection.error_code;
	link.mapping_role = connection.mapping_role;
	link.user_ip = user_ip;
	const store::LoadedServer server = store::load_server(connection.server, connection.mapping_role);
	if (is_extension(options))
		return extend(link, connection, server);
	providers::LinkRequest request;
	request.credentials = store::load_credentials(connection);
	request.error_code = link.error_code;
	return start(std::move(link), server, std::move(request));
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
	const auto result = json::Document::parse(run(worker::call(std::move(request))));
	return connection_row(result.integer("connection_id").value());
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_link) {
	return return_row(fcinfo,
	                  start_link(required(name_argument(fcinfo, 0), "server"), user_ref_argument(fcinfo, 1),
	                             output_argument(fcinfo, 2).value_or("{}"), output_argument(fcinfo, 3).value_or("")));
}

OB_FUNCTION(ob_relink) {
	return return_row(fcinfo,
	                  start_relink(required(integer_argument(fcinfo, 0), "connection"),
	                               output_argument(fcinfo, 1).value_or("{}"), output_argument(fcinfo, 2).value_or("")));
}

OB_FUNCTION(ob_sandbox_link) {
	return return_rows(fcinfo, {sandbox_link(required(name_argument(fcinfo, 0), "server"), user_ref_argument(fcinfo, 1),
	                                         output_argument(fcinfo, 2).value_or("{}"))});
}
