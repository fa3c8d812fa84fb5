// From request to handler: what every Plaid endpoint has in common.
#include <algorithm>
#include <map>

#include "consent_page.hpp"
#include "plaid.hpp"
#include "state.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::string_view kPrefix = "/plaid";
constexpr std::string_view kVersion = "2020-09-14";

// Fields every endpoint takes besides its own.
Schema with_credentials(Schema schema) {
	schema.push_back(string_field("client_id"));
	schema.push_back(string_field("secret"));
	return schema;
}

bool is_json_type(std::string_view content_type) {
	std::string type(content_type.substr(0, content_type.find(';')));
	while (type.ends_with(' ')) {
		type.pop_back();
	}
	return equal_fold(type, "application/json");
}

// Plaid: keys come in headers or in the body; wrong ones give INVALID_API_KEYS with status 400.
std::string authenticate(const World &world, const Request &request, const Json &body) {
	const auto either = [&](std::string_view header, const char *field) {
		const std::string_view value = request.header(header);
		if (!value.empty()) {
			return std::string(value);
		}
		if (!body.has(field)) {
			fail("MISSING_FIELDS", std::string("the following required fields are missing: ") + field);
		}
		return body.text_of(field);
	};
	const std::string client_id = either("PLAID-CLIENT-ID", "client_id");
	const std::string secret = either("PLAID-SECRET", "secret");
	if (world.find_client(client_id, secret) == nullptr) {
		fail("INVALID_API_KEYS");
	}
	return client_id;
}

class PlaidProvider final : public Provider {
public:
	explicit PlaidProvider(World &world) : state_(world) {
		for (auto list : {link_routes, item_routes, account_routes, transaction_routes, institution_routes,
		                  webhook_routes, sandbox_routes}) {
			for (Route &route : list()) {
				route.schema = with_credentials(std::move(route.schema));
				std::string path(route.path);
				routes_.emplace(std::move(path), std::move(route));
			}
		}
	}

	std::string_view name() const override { return kPrefix.substr(1); }
	Summary describe(const Request &request) override;
	Response answer(const Request &request, const Directives &directives) override;
	Response error(std::string_view code, std::string_view message) override {
		return error_response(make_error(code, message));
	}
	std::string control(std::string_view what, const std::string &body) override { return steer(state_, what, body); }
	std::string dump(const std::string &item_id, bool transactions) const override {
		return dump_state(state_, item_id, transactions);
	}
	std::function<std::string()> rows(const std::string &body) override { return stream_rows(state_, body); }
	HeaderList sign(const Webhook &webhook) override {
		SigningKeys::Claims claims;
		claims.issued = state_.world.clock.now();
		return {{"Plaid-Verification", state_.keys.sign(webhook.body, claims, state_.world)}};
	}
	void tick(bool everything) override { state_.advance_all(everything); }
	void reset() override { state_.clear(); }

private:
	Response error_response(const ApiError &error) {
		Response out;
		out.status = error.status;
		out.body = error_object(error, request_id());
		return out;
	}
	std::string request_id() { return state_.world.ids.alphanumeric(15); }
	Response dispatch(const Request &request, const Directives &directives);

	State state_;
	std::map<std::string, Route, std::less<>> routes_;
};

Summary PlaidProvider::describe(const Request &request) {
	Summary out;
	out.api_version = request.header("Plaid-Version");
	const Json body = Json::parse(request.body);
	if (const auto token = state_.access_tokens.find(body.text_of("access_token"));
	    token != state_.access_tokens.end()) {
		out.item_id = state_.ledger.find(token->second)->id;
	} else if (const auto public_token = state_.public_tokens.find(body.text_of("public_token"));
	           public_token != state_.public_tokens.end()) {
		out.item_id = state_.ledger.find(public_token->second.item)->id;
	}
	ObjectText detail;
	// Options of other endpoints may hold a password.
	const bool harmless =
	    request.path.starts_with("/plaid/transactions/") || request.path.starts_with("/plaid/accounts/");
	for (const char *key : {"count", "start_date", "end_date", "cursor", "institution_id", "options"}) {
		if (body.has(key) && (harmless || std::string_view(key) != "options")) {
			detail.raw(key, body.get(key).dump());
		}
	}
	out.detail = detail.end();
	return out;
}

Response PlaidProvider::answer(const Request &request, const Directives &directives) {
	try {
		return dispatch(request, directives);
	} catch (const ApiError &error) {
		return error_response(error);
	}
}

Response PlaidProvider::dispatch(const Request &request, const Directives &directives) {
	World &world = state_.world;
	const std::string_view path = std::string_view(request.path).substr(kPrefix.size());
	static constexpr std::string_view kHosted = "/hosted/";
	if (path.starts_with(kHosted)) {
		return hosted_page(state_, request, path.substr(kHosted.size()));
	}
	const auto found = routes_.find(path);
	if (found == routes_.end()) {
		fail("NOT_FOUND");
	}
	const Route &route = found->second;
	if (!is_json_type(request.header("Content-Type"))) {
		fail("INVALID_HEADERS");
	}
	if (const std::string_view version = request.header("Plaid-Version"); !version.empty() && version != kVersion) {
		fail("INCOMPATIBLE_API_VERSION", "unknown Plaid-Version: " + std::string(version));
	}
	Call call{state_, world, request, directives, Json::parse(request.body), {}, {}};
	if (request.method != "POST" || !call.body.is_object()) {
		fail("INVALID_BODY", "the body must be a JSON object, sent by POST");
	}
	call.client_id = authenticate(world, request, call.body);
	if (route.sandbox_only && world.config.environment != "sandbox") {
		fail("SANDBOX_ONLY");
	}
	check_fields(call.body, route.schema);
	if (world.config.limits) {
		const std::string item_id = describe(request).item_id;
		if (const auto code = state_.limits.take(world.config.environment, std::string(path), item_id, call.client_id,
		                                         world.clock.now())) {
			fail(*code);
		}
	}
	ObjectText answer = route.handler(call);
	Response out;
	out.body = answer.string("request_id", request_id()).end();
	out.delivery.delay = call.delay;
	return out;
}

} // namespace

std::unique_ptr<Provider> make_provider(World &world) {
	return std::make_unique<PlaidProvider>(world);
}

} // namespace ob::sandbox::plaid
