// C++ regime.
#include "providers/plaid/institutions.hpp"

#include <utility>

#include "providers/plaid/client.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

std::vector<std::string> texts(json::Node list) {
	std::vector<std::string> result;
	for (const json::Node item : list.items())
		if (!item.text().empty())
			result.emplace_back(item.text());
	return result;
}

Institution read_institution(json::Node node) {
	Institution bank;
	bank.id = node.text("institution_id");
	bank.name = node.text("name");
	bank.countries = texts(node.get("country_codes"));
	bank.products = texts(node.get("products"));
	bank.oauth = node.boolean("oauth");
	bank.url = node.text("url");
	bank.logo = node.text("logo");
	bank.raw = node.canonical_dump();
	return bank;
}

} // namespace

Task<Institution> institution(Session session, std::string id) {
	json::Object options;
	options.set("include_optional_metadata", true);
	json::Object body;
	body.set("institution_id", id).set("country_codes", words(session.server->option("country_codes")));
	body.set("options", options);
	Call call;
	call.endpoint = "/institutions/get_by_id";
	call.body = body.dump();
	const std::string endpoint = call.endpoint;
	json::Document answer = co_await ask(std::move(session), std::move(call));
	Institution bank = read_institution(answer.get("institution"));
	if (bank.id.empty())
		bad_answer(endpoint, "institution is missing", answer.text("request_id"));
	co_return std::move(bank);
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
