// C++ regime.
#include "providers/truelayer/institutions.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/text.hpp"
#include "providers/fields.hpp"
#include "providers/truelayer/client.hpp"
#include "providers/truelayer/errors.hpp"
#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

constexpr std::string_view kEndpoint = "/api/providers";

/// TrueLayer's code of a country: small letters, and the United Kingdom by its short name.
std::string country(std::string_view code) {
	return code == "GB" ? "uk" : text::lower_ascii(code);
}

Institution read_bank(json::Value value) {
	Institution bank;
	bank.raw = value.object([&](std::string_view key, json::Value field) {
		if (key == "provider_id")
			bank.id = text_of(field);
		else if (key == "display_name")
			bank.name = text_of(field);
		else if (key == "country")
			bank.countries.emplace_back(text_of(field));
		else if (key == "scopes")
			elements_of(field, [&](json::Value scope) { bank.products.emplace_back(text_of(scope)); });
		else if (key == "availability")
			members_of(field, [&](std::string_view part, json::Value status) {
				if (part == "recommended_status")
					bank.status = text_of(status);
			});
	});
	return bank;
}

std::vector<Institution> read_banks(std::string bytes) {
	std::vector<Institution> banks;
	json::Body body(std::move(bytes));
	json::Reader reader(body);
	reader.root().array([&](json::Value item) {
		Institution bank = read_bank(item);
		if (!bank.id.empty()) // else nobody can link it
			banks.push_back(std::move(bank));
	});
	reader.finish();
	return banks;
}

Task<std::vector<Institution>> list(Session session) {
	const ServerConfig &server = *session.server;
	std::string countries;
	for (const std::string_view code : text::split(server.option("country_codes")))
		countries.append(countries.empty() ? "" : " ").append(country(code));
	Call call;
	call.host = Host::auth;
	call.proof = Proof::nothing;
	call.path = call.endpoint =
	    kEndpoint; // public, so of no class: each link asks for it, and takes none from the next
	call.query.emplace_back("clientId", server.required_credential("client_id").reveal());
	if (!countries.empty())
		call.query.emplace_back("country", countries);
	Task<http::Response> sent = send(std::move(session), {}, std::move(call));
	http::Response response = co_await sent;
	co_return read_form(kEndpoint, [&] { return read_banks(std::move(response.body)); });
}

} // namespace

Task<std::vector<Institution>> institutions(Session session, std::string search) {
	Task<std::vector<Institution>> listing = list(std::move(session));
	std::vector<Institution> banks = co_await listing;
	const std::string word = text::lower_ascii(text::trim(search));
	std::erase_if(banks, [&](const Institution &bank) {
		return text::lower_ascii(bank.name).find(word) == std::string::npos && bank.id.find(word) == std::string::npos;
	});
	co_return std::move(banks);
}

Task<Institution> institution(Session session, std::string id) {
	Task<std::vector<Institution>> listing = list(std::move(session));
	std::vector<Institution> banks = co_await listing;
	const auto found = std::find_if(banks.begin(), banks.end(), [&](const Institution &bank) { return bank.id == id; });
	if (found == banks.end())
		throw ProviderError(ErrorCode::not_found, Reaction::permanent, {}, "truelayer does not know this bank",
		                    error_detail(kEndpoint, 200, {}, {}));
	co_return std::move(*found);
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
