// Institution endpoints.
#include <algorithm>

#include "institutions.hpp"
#include "logo.hpp"
#include "state.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::string_view kRoutingNumber = "110000000";

std::string health(const State &state, std::string_view institution_id) {
	const bool down = state.troubled_banks.contains(std::string(institution_id));
	const std::string breakdown = ObjectText{}
	                                  .raw("success", down ? "0.03" : "0.97")
	                                  .raw("error_plaid", "0.01")
	                                  .raw("error_institution", down ? "0.96" : "0.02")
	                                  .string("refresh_interval", "NORMAL")
	                                  .end();
	const std::string product =
	    ObjectText{}
	        .string("status", down ? "DOWN" : "HEALTHY")
	        .string("last_status_change", format_time(state.world.clock.now() - std::chrono::days{3}))
	        .raw("breakdown", breakdown)
	        .end();
	return ObjectText{}.raw("item_logins", product).raw("transactions_updates", product).end();
}

std::string institution_object(const Institution &institution, const Json &options, const State &state) {
	const std::vector<std::string> products = {"assets", "auth", "balance", "identity", "transactions"};
	ObjectText out;
	out.string("institution_id", institution.id).string("name", institution.name);
	out.raw("products", json_strings(products));
	out.raw("country_codes", json_strings(std::vector<std::string_view>{institution.country}));
	const std::vector<std::string_view> routing_numbers(institution.country == "US" ? 1 : 0, kRoutingNumber);
	out.raw("routing_numbers", json_strings(routing_numbers)).raw("dtc_numbers", "[]");
	out.boolean("oauth", institution.oauth);
	if (options.truth_of("include_optional_metadata")) {
		out.string("url", "https://" + std::string(institution.id) + ".example").string("primary_color", "#1f1f1f");
		out.string("logo", logo_png_base64());
	}
	if (options.truth_of("include_status")) {
		// Plaid: institution status is not available in the sandbox.
		out.raw("status", state.world.config.environment == "sandbox" ? "null" : health(state, institution.id));
	}
	if (options.truth_of("include_auth_metadata")) {
		const std::string methods = ObjectText{}
		                                .boolean("instant_auth", true)
		                                .boolean("instant_match", false)
		                                .boolean("automated_micro_deposits", false)
		                                .boolean("instant_micro_deposits", false)
		                                .end();
		out.raw("auth_metadata", ObjectText{}.raw("supported_methods", methods).end());
	}
	if (options.truth_of("include_payment_initiation_metadata")) {
		out.null("payment_initiation_metadata");
	}
	return out.end();
}

bool in_countries(const Institution &institution, const Json &countries) {
	const auto codes = countries.texts();
	return std::find(codes.begin(), codes.end(), institution.country) != codes.end();
}

// Plaid: the institution must have all of them.
bool has_routing_numbers(const Institution &institution, const Json &options) {
	const auto wanted = options.get("routing_numbers").texts();
	return std::all_of(wanted.begin(), wanted.end(), [&](const std::string &number) {
		return institution.country == "US" && number == kRoutingNumber;
	});
}

bool has_oauth(const Institution &institution, const Json &options) {
	return !options.get("oauth").is_boolean() || options.truth_of("oauth") == institution.oauth;
}

bool offers(const Json &products) {
	const std::vector<std::string> offered = {"assets", "auth", "balance", "identity", "transactions"};
	const auto wanted = products.texts();
	return std::all_of(wanted.begin(), wanted.end(), [&](const std::string &product) {
		return std::find(offered.begin(), offered.end(), product) != offered.end();
	});
}

// Plaid: needs no access token; an unknown one, or one of another country, gives INVALID_INSTITUTION.
ObjectText get_by_id(Call &call) {
	const Institution &institution = known_institution(call.body.text_of("institution_id"));
	if (!in_countries(institution, call.body.get("country_codes"))) {
		fail("INVALID_INSTITUTION", "the institution is not in these countries");
	}
	ObjectText out;
	out.raw("institution", institution_object(institution, call.options(), call.state));
	return out;
}

ObjectText get(Call &call) {
	const auto count = call.body.integer_of("count");
	const auto offset = call.body.integer_of("offset");
	std::vector<std::string> page;
	std::int64_t total = 0;
	for (const Institution &institution : institutions()) {
		if (in_countries(institution, call.body.get("country_codes")) && has_oauth(institution, call.options()) &&
		    has_routing_numbers(institution, call.options()) && offers(call.options().get("products"))) {
			if (total >= offset && total < offset + count) {
				page.push_back(institution_object(institution, call.options(), call.state));
			}
			++total;
		}
	}
	ObjectText out;
	out.raw("institutions", json_array(page)).number("total", total);
	return out;
}

std::string folded(std::string_view text) {
	std::string out(text);
	std::transform(out.begin(), out.end(), out.begin(),
	               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
	return out;
}

ObjectText search(Call &call) {
	static constexpr std::size_t kMost = 10;
	const std::string query = folded(call.body.text_of("query"));
	std::vector<std::string> found;
	for (const Institution &institution : institutions()) {
		if (found.size() < kMost && folded(institution.name).find(query) != std::string::npos &&
		    in_countries(institution, call.body.get("country_codes")) && has_oauth(institution, call.options()) &&
		    offers(call.body.get("products"))) {
			found.push_back(institution_object(institution, call.options(), call.state));
		}
	}
	ObjectText out;
	out.raw("institutions", json_array(found));
	return out;
}

} // namespace

std::vector<Route> institution_routes() {
	return {
	    {"/institutions/get_by_id",
	     get_by_id,
	     {string_field("institution_id").required().between(1, 1'000'000), countries_field("country_codes").required(),
	      object_field("options", {boolean_field("include_optional_metadata"), boolean_field("include_status"),
	                               boolean_field("include_auth_metadata"),
	                               boolean_field("include_payment_initiation_metadata")})}},
	    {"/institutions/get",
	     get,
	     {integer_field("count").required().between(1, 500),
	      integer_field("offset").required().between(0, std::numeric_limits<std::int64_t>::max()),
	      countries_field("country_codes").required().between(1, 100),
	      object_field("options", {products_field("products").nullable().between(1, 100),
	                               strings_field("routing_numbers").nullable(), boolean_field("oauth").nullable(),
	                               boolean_field("include_optional_metadata"), boolean_field("include_auth_metadata"),
	                               boolean_field("include_payment_initiation_metadata")})}},
	    {"/institutions/search",
	     search,
	     {string_field("query").required().between(1, 1'000'000), products_field("products").nullable().between(1, 100),
	      countries_field("country_codes").required(),
	      object_field("options", {boolean_field("oauth").nullable(), boolean_field("include_optional_metadata"),
	                               boolean_field("include_auth_metadata").nullable(),
	                               boolean_field("include_payment_initiation_metadata").nullable(),
	                               opaque_field("payment_initiation").nullable()})}},
	};
}

} // namespace ob::sandbox::plaid
