#include "pg/worker/answer.hpp"

#include "pg/store/keys.hpp"
#include "pg/worker/message.hpp"
#include "json/document.hpp"

namespace ob::pg::worker {

std::string seal_answer(const crypto::KeyRing &keys, const std::string &call_id,
                        const providers::Established &established) {
	json::Object object, tokens;
	for (const auto &[kind, token] : established.credentials)
		tokens.set_secret(kind, token);
	object.set_if("provider_connection_id", established.provider_connection_id);
	object.set_if("request_id", established.request_id).set("credentials", tokens);
	if (established.expires_at)
		object.set("expires_at", established.expires_at->time_since_epoch().count());
	json::Array scopes;
	for (const std::string &scope : established.scopes)
		scopes.add(scope);
	object.set("scopes", scopes);
	return crypto::seal(keys, object.dump(), outcome_place(call_id));
}

providers::Established open_answer(const store::Outcome &outcome) {
	const Secret opened = store::unseal(outcome.sealed, outcome_place(outcome.call_id),
	                                    "answer of outcome " + std::to_string(outcome.id));
	const auto document = json::Document::parse(opened.reveal());
	providers::Established established;
	established.provider_connection_id = document.text("provider_connection_id");
	established.request_id = document.text("request_id");
	for (const auto &[kind, token] : document.get("credentials").members())
		established.credentials.emplace(kind, Secret(token.text()));
	if (const auto expires_at = document.integer("expires_at"))
		established.expires_at.emplace(std::chrono::microseconds(*expires_at));
	for (const json::Node &scope : document.get("scopes").items())
		established.scopes.emplace_back(scope.text());
	return established;
}

} // namespace ob::pg::worker
