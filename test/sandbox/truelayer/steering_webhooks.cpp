// /_control/truelayer/webhooks: events by hand, and signatures over anything.
#include "events.hpp"
#include "steering.hpp"

namespace ob::sandbox::truelayer {

namespace {

SignedParts::Form form_of(const std::string &name) {
	using enum SignedParts::Form;
	for (const auto &[known, form] :
	     {std::pair{"raw", raw}, {"der", der}, {"cut", cut}, {"attached", attached}, {"flipped", flipped}}) {
		if (name == known) {
			return form;
		}
	}
	throw ControlError{"form must be raw, der, cut, attached or flipped"};
}

// Headers for a body of any content; each part can be made wrong.
std::string sign(State &state, const std::string &text) {
	const Command command(text, {"method", "path", "headers", "timestamp", "body", "kid", "alg", "tl_version",
	                             "tl_headers", "jku", "form", "secret"});
	SignedParts parts;
	parts.method = command.text("method", parts.method);
	parts.path = command.text("path", "/");
	parts.body = command.text("body");
	parts.kid = command.text("kid");
	parts.algorithm = command.text("alg", parts.algorithm);
	parts.version = command.text("tl_version", parts.version);
	parts.jku = command.text("jku", key_set_url(state));
	parts.form = form_of(command.text("form", "raw"));
	if (command.body.has("tl_headers")) {
		parts.header_names = command.text("tl_headers");
	}
	if (command.body.has("headers")) {
		for (const auto &[name, value] : command.body.get("headers").members()) {
			parts.headers.emplace_back(name, value.text());
		}
	} else {
		parts.headers = {{"X-Tl-Webhook-Timestamp", command.text("timestamp", format_time(state.world.clock.now()))}};
	}
	ObjectText headers;
	for (const auto &[name, value] : parts.headers) {
		headers.string(name, value);
	}
	return ObjectText{}
	    .string("signature", state.keys.sign(parts, state.world))
	    .string("hmac", hmac_hex(command.text("secret", state.settings.webhook_secret), parts.body))
	    .raw("headers", headers.end())
	    .string("kid", state.keys.current(state.world))
	    .string("jku", parts.jku)
	    .raw("key_set", state.keys.key_set(state.world))
	    .end();
}

std::string fire(State &state, const std::string &text) {
	const Command command(text,
	                      {"item_id", "access_token", "account_id", "type", "resource_id", "resource_type", "set"});
	const std::string type = command.text("type", "transaction.created");
	const bool of_connection = type == "consent.revoked";
	std::string resource = command.text("resource_id");
	if (!command.body.has("resource_id")) {
		const Item &item = item_of(state, command);
		resource = of_connection ? item.id : item.accounts.at(account_of(item, command)).id;
	}
	send_event(state, type, resource, command.text("resource_type", of_connection ? "connection" : "account"),
	           command.object("set"));
	return "{\"done\":true}";
}

} // namespace

std::string steer_webhooks(State &state, std::string_view what, const std::string &body) {
	if (what == "fire") {
		return fire(state, body);
	}
	if (what == "sign") {
		return sign(state, body);
	}
	if (what == "rotate_key") {
		const Command command(body, {"drop_old"});
		return ObjectText{}.string("kid", state.keys.rotate(state.world, command.body.truth_of("drop_old"))).end();
	}
	unknown_command("webhooks", what);
}

} // namespace ob::sandbox::truelayer
