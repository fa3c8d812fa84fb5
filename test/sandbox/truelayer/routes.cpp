// From request to host: the authentication server, the dialog, the Data API and the webhooks' key set, each under a
// prefix.
#include <algorithm>

#include "events.hpp"
#include "state.hpp"
#include "truelayer.hpp"

namespace ob::sandbox::truelayer {

namespace {

constexpr std::string_view kPrefix = "/truelayer";
constexpr std::string_view kAuth = "/auth";
constexpr std::string_view kApi = "/api";
constexpr std::string_view kData = "/api/data/v1";

class TrueLayerProvider final : public Provider {
public:
	explicit TrueLayerProvider(World &world) : state_(world) {}

	std::string_view name() const override { return kPrefix.substr(1); }
	Summary describe(const Request &request) override;
	Response answer(const Request &request, const Directives &directives) override;
	Response error(std::string_view code, std::string_view message) override {
		return error_response(make_error(code, message), state_.world);
	}
	std::string_view rate_limit_code() const override { return "provider_too_many_requests"; }
	std::string control(std::string_view what, const std::string &body) override { return steer(state_, what, body); }
	std::string dump(const std::string &item_id, bool transactions) const override {
		return dump_state(state_, item_id, transactions);
	}
	std::function<std::string()> rows(const std::string &body) override { return stream_rows(state_, body); }
	HeaderList sign(const Webhook &webhook) override { return sign_delivery(state_, webhook); }
	// TrueLayer: jittered exponential backoff for up to 72 hours.
	RetryPlan retry_plan() override {
		return {std::chrono::seconds{20 + state_.world.ids.number(20)}, 2, std::chrono::hours{72}, false, false};
	}
	void tick(bool) override { advance_tasks(state_); }
	void reset() override { state_.clear(); }

private:
	[[nodiscard]] const Item *item_of(const Request &request, std::string_view path);

	State state_;
};

// Whose tokens a request carries; those of a token request are in its body.
const Item *TrueLayerProvider::item_of(const Request &request, std::string_view path) {
	const std::string_view header = request.header("Authorization");
	if (header.starts_with("Bearer ")) {
		return state_.find_by_access_token(std::string(header.substr(7)));
	}
	if (request.method != "POST" || (!path.starts_with(kAuth) && !path.starts_with(kApi))) {
		return nullptr;
	}
	RawObject given;
	const Json body = Json::parse(request.body);
	for (const auto &[name, value] : parse_form(body.is_object() ? std::string_view{} : request.body)) {
		given.set(name, json_string(value));
	}
	const auto text = [&](const char *name) { return body.is_object() ? body.text_of(name) : given.text_of(name); };
	if (const auto token = state_.refresh_tokens.find(text("refresh_token")); token != state_.refresh_tokens.end()) {
		return state_.ledger.find(token->second);
	}
	if (const auto code = state_.codes.find(text("code")); code != state_.codes.end()) {
		return state_.ledger.find(code->second.connection);
	}
	return state_.find_by_access_token(text("access_token"));
}

Summary TrueLayerProvider::describe(const Request &request) {
	Summary out;
	const std::string_view path = std::string_view(request.path).substr(kPrefix.size());
	if (const Item *item = item_of(request, path)) {
		out.item_id = item->id;
	}
	ObjectText detail;
	if (path.starts_with(kData)) {
		std::string account_id;
		if (const DataRoute *route = find_route(path.substr(kData.size()), account_id)) {
			out.endpoint = std::string(kPrefix) + std::string(kData) + std::string(route->path);
		} else if (path.starts_with(std::string(kData) + "/results/")) {
			out.endpoint = std::string(kPrefix) + std::string(kData) + "/results/{id}";
		}
		for (const auto &[name, value] : parse_form(request.query)) {
			if (name == "from" || name == "to" || name == "async") {
				detail.string(name, value);
			}
		}
		// Whose address it is is nobody's business.
		detail.boolean("attended", !request.header("X-PSU-IP").empty());
	} else if (path == "/auth/connect/token") {
		for (const auto &[name, value] : parse_form(request.body)) {
			if (name == "grant_type") {
				detail.string(name, value);
			}
		}
	} else if (path.starts_with("/login/")) {
		out.endpoint = std::string(kPrefix) + "/login/{session}";
	}
	out.detail = detail.end();
	return out;
}

Response TrueLayerProvider::answer(const Request &request, const Directives &) {
	const std::string_view path = std::string_view(request.path).substr(kPrefix.size());
	const auto below = [path](std::string_view host) {
		return path == host || path.starts_with(std::string(host) + "/");
	};
	try {
		if (below(kAuth)) {
			return answer_auth(state_, request, path.substr(kAuth.size()));
		}
		if (below("/login")) {
			return answer_dialog(state_, request, path.substr(std::string_view("/login").size()));
		}
		if (below(kApi)) {
			return answer_data(state_, request, path.substr(kApi.size()));
		}
		if (path == "/webhooks/.well-known/jwks" && request.method == "GET") {
			Response out;
			out.body = state_.keys.key_set(state_.world);
			out.headers = {{"Cache-Control", "max-age=3600"}};
			return out;
		}
		fail("not_found");
	} catch (const ApiError &error) {
		Response out = error_response(error, state_.world);
		out.headers.emplace_back("X-TL-Correlation-Id", state_.world.ids.uuid());
		return out;
	}
}

} // namespace

std::unique_ptr<Provider> make_provider(World &world) {
	return std::make_unique<TrueLayerProvider>(world);
}

} // namespace ob::sandbox::truelayer
