// C++ regime.
#include "providers/plaid/institutions.hpp"

#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "core/text.hpp"
#include "providers/fields.hpp"
#include "providers/plaid/arguments.hpp"
#include "providers/plaid/client.hpp"
#include "providers/plaid/errors.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr std::string_view kOneEndpoint = "/institutions/get_by_id";
constexpr std::string_view kSearchEndpoint = "/institutions/search";
constexpr std::string_view kListEndpoint = "/institutions/get";

constexpr std::int64_t kPageSize = 500; // the most Plaid gives

std::vector<std::string> texts_of(json::Value value) {
	std::vector<std::string> texts;
	elements_of(value, [&](json::Value item) {
		if (const std::string_view text = text_of(item); !text.empty())
			texts.emplace_back(text);
	});
	return texts;
}

Institution read_institution(json::Value value, std::string_view endpoint) {
	Institution bank;
	bank.raw = value.object([&](std::string_view key, json::Value field) {
		if (key == "institution_id")
			bank.id = text_of(field);
		else if (key == "name")
			bank.name = text_of(field);
		else if (key == "country_codes")
			bank.countries = texts_of(field);
		else if (key == "products")
			bank.products = texts_of(field);
		else if (key == "oauth" && field.kind() == json::Kind::boolean)
			bank.oauth = field.boolean();
		else if (key == "url")
			bank.url = text_of(field);
		else if (key == "logo")
			bank.logo = text_of(field);
	});
	if (bank.id.empty())
		bad_answer(endpoint, "an institution has no institution_id");
	return bank;
}

struct Answer {
	std::vector<Institution> banks; // of `institution` and `institutions`
	bool listed = false;            // there was a list
	std::optional<std::int64_t> total;
	std::string request_id;
};

Answer read_answer(std::string body, std::string_view endpoint) {
	Answer answer;
	json::Body bytes(std::move(body));
	json::Reader reader(bytes);
	reader.root().object([&](std::string_view key, json::Value value) {
		if (key == "institutions") {
			answer.listed = true;
			value.array_or_null([&](json::Value item) { answer.banks.push_back(read_institution(item, endpoint)); });
		} else if (key == "institution") {
			answer.banks.push_back(read_institution(value, endpoint));
		} else if (key == "total") {
			answer.total = value.integer_or_null();
		} else if (key == "request_id") {
			answer.request_id = text_of(value);
		}
	});
	reader.finish();
	return answer;
}

Task<Answer> ask_institutions(Session session, std::string_view endpoint, json::Object body) {
	Call call;
	call.endpoint = endpoint;
	call.body = body.dump();
	CallStats *stats = session.stats;
	http::Response response = co_await send(std::move(session), std::move(call));
	Answer answer = read_form(endpoint, [&] { return read_answer(std::move(response.body), endpoint); });
	if (stats)
		stats->last_request_id = presentable_request_id(answer.request_id);
	co_return std::move(answer);
}

Task<std::vector<Institution>> search_institutions(Session session, std::string words_of_name) {
	json::Object body;
	body.set("query", words_of_name).set("country_codes", words(session.server->option("country_codes")));
	body.set("products", words(session.server->option("products")));
	Answer answer = co_await ask_institutions(std::move(session), kSearchEndpoint, std::move(body));
	if (!answer.listed)
		bad_answer(kSearchEndpoint, "institutions is missing", answer.request_id);
	co_return std::move(answer.banks);
}

json::Object page_body(const ServerConfig &server, std::size_t offset) {
	json::Object options;
	options.set("products", words(server.option("products")));
	json::Object body;
	body.set("count", kPageSize).set("offset", offset);
	body.set("country_codes", words(server.option("country_codes"))).set("options", options);
	return body;
}

[[noreturn]] void list_changed(std::string_view request_id) {
	throw Error(ErrorCode::bad_reply, "the list of banks changed while being read",
	            error_detail(kListEndpoint, 200, {}, request_id), "Repeat the statement, or search by name.");
}

/// A page, with a hint that helps where the list is longer than Plaid's limit: to try again would only begin anew.
Task<Answer> ask_page(Session session, std::size_t offset) {
	try {
		json::Object body = page_body(*session.server, offset);
		Answer answer = co_await ask_institutions(std::move(session), kListEndpoint, std::move(body));
		co_return std::move(answer);
	} catch (const ProviderError &error) {
		if (error.reaction() != Reaction::rate_limited)
			throw;
		throw ProviderError(error.code(), error.reaction(), error.provider_code(), error.message(), error.detail(),
		                    "Plaid allows few pages of 500 banks a minute: search by name, or read page by page with "
		                    "ob.request.",
		                    error.retry_after());
	}
}

/// Offsets count from a list that may change between two pages: what shows it is an error, never a shorter list.
Task<std::vector<Institution>> list_institutions(Session session) {
	std::vector<Institution> banks;
	std::unordered_set<std::string> seen;
	std::int64_t total = 0;
	do {
		Answer answer = co_await ask_page(session, banks.size());
		if (!answer.total || *answer.total < 0)
			bad_answer(kListEndpoint, "total is missing or negative", answer.request_id);
		const bool nothing_new = answer.banks.empty() && std::ssize(banks) < *answer.total;
		if (*answer.total < total || nothing_new)
			list_changed(answer.request_id);
		total = *answer.total;
		for (Institution &bank : answer.banks) {
			if (!seen.insert(bank.id).second)
				list_changed(answer.request_id);
			banks.push_back(std::move(bank));
		}
	} while (std::ssize(banks) < total);
	co_return std::move(banks);
}

} // namespace

Task<Institution> institution(Session session, std::string id) {
	json::Object options;
	options.set("include_optional_metadata", true);
	json::Object body;
	body.set("institution_id", id).set("country_codes", words(session.server->option("country_codes")));
	body.set("options", options);
	Answer answer = co_await ask_institutions(std::move(session), kOneEndpoint, std::move(body));
	if (answer.banks.size() != 1)
		bad_answer(kOneEndpoint, "institution is missing", answer.request_id);
	co_return std::move(answer.banks.front());
}

Task<std::vector<Institution>> institutions(Session session, std::string search) {
	const std::string_view name = text::trim(search);
	return name.empty() ? list_institutions(std::move(session))
	                    : search_institutions(std::move(session), std::string(name));
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
