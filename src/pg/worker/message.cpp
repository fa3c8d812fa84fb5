#include "pg/worker/message.hpp"

#include "crypto/base64.hpp"
#include "crypto/seal.hpp"
#include "pg/store/error_json.hpp"
#include "json/document.hpp"

namespace ob::pg::worker {

namespace {

json::Object to_object(const Request &request) {
	json::Object object;
	object.set("call_id", request.call_id).set("kind", request.kind).set("server", request.server);
	object.set_if("server_version", request.server_version).set_if("mapping_role", request.mapping_role);
	object.set_if("acting", request.acting_json).set_if("link_id", request.link_id);
	object.set_if("link_kind", request.link_kind).set_if("user_ref", request.user_ref);
	object.set_if("user_ip", request.user_ip).set_if("grant_kind", request.grant_kind);
	object.set_if("grant_digest", request.grant_digest).set_if("failure", request.failure_json);
	object.set_if("line", request.line_json).set_if("client_digest", request.client_digest);
	object.set_if("sealed_grant", crypto::base64_encode(request.sealed_grant));
	object.set_if("budgets", request.budgets_json).set_if("key_id", request.key_id);
	object.set_if("subject", request.subject);
	object.set_if("token_digest", request.token_digest).set_if("options", request.options_json);
	object.set("purge", request.purge).set("keep_open", request.keep_open);
	if (request.connection)
		object.set("connection", *request.connection);
	json::Array outcomes;
	for (const std::int64_t id : request.outcomes)
		outcomes.add(id);
	object.set("outcomes", outcomes);
	return object;
}

Request to_request(const json::Node &node) {
	Request request;
	request.call_id = node.text("call_id");
	request.kind = node.text("kind");
	request.server = node.text("server");
	request.server_version = node.text("server_version");
	request.mapping_role = node.text("mapping_role");
	request.acting_json = node.text("acting");
	request.link_id = node.text("link_id");
	request.link_kind = node.text("link_kind");
	request.user_ref = node.text("user_ref");
	request.user_ip = node.text("user_ip");
	request.grant_kind = node.text("grant_kind");
	request.grant_digest = node.text("grant_digest");
	request.failure_json = node.text("failure");
	request.line_json = node.text("line");
	request.client_digest = node.text("client_digest");
	request.sealed_grant = crypto::base64_decode(node.text("sealed_grant")).value_or("");
	request.budgets_json = node.text("budgets");
	request.key_id = node.text("key_id");
	request.subject = node.text("subject");
	request.token_digest = node.text("token_digest");
	request.options_json = node.text("options");
	request.purge = node.boolean("purge").value_or(false);
	request.keep_open = node.boolean("keep_open").value_or(false);
	request.connection = node.integer("connection");
	for (const json::Node &id : node.get("outcomes").items())
		request.outcomes.push_back(id.integer().value_or(0));
	return request;
}

std::string text_of(const json::Object &object) {
	return std::string(object.dump());
}

} // namespace

std::string Request::to_json() const {
	return text_of(to_object(*this));
}

Request Request::from_json(std::string_view text) {
	return to_request(json::Document::parse(text).root());
}

std::string Envelope::to_json() const {
	json::Object object;
	object.set("backend", backend).set("local_transaction", local_transaction);
	json::Object values;
	for (const auto &[name, value] : settings)
		values.set(name, value);
	object.set("settings", values).set("request", to_object(request));
	return text_of(object);
}

Envelope Envelope::from_json(std::string_view text) {
	const auto document = json::Document::parse(text);
	Envelope envelope;
	envelope.backend = static_cast<int>(document.integer("backend").value_or(0));
	envelope.local_transaction = static_cast<std::uint32_t>(document.integer("local_transaction").value_or(0));
	for (const auto &[name, value] : document.get("settings").members())
		envelope.settings.emplace_back(name, value.text());
	envelope.request = to_request(document.get("request"));
	return envelope;
}

std::string Reply::to_json() const {
	json::Object object;
	object.set("call_id", call_id).set_if("result", result_json);
	if (error)
		object.set("error", store::error_object(*error));
	return text_of(object);
}

Reply Reply::from_json(std::string_view text) {
	const auto document = json::Document::parse(text);
	Reply reply;
	reply.call_id = document.text("call_id");
	reply.result_json = document.text("result");
	if (const json::Node failure = document.get("error"); failure.exists())
		reply.error.emplace(store::error_from(failure));
	return reply;
}

std::string outcome_place(std::string_view call_id) {
	return crypto::associated({"ob.outcomes", "sealed", call_id});
}

} // namespace ob::pg::worker
