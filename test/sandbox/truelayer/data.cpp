// The Data API: what every call of it has in common.
#include <algorithm>
#include <map>

#include <arpa/inet.h>

#include "state.hpp"

namespace ob::sandbox::truelayer {

namespace {

constexpr std::string_view kData = "/data/v1";
constexpr std::chrono::hours kQuotaSpan{24};

const std::vector<DataRoute> &routes() {
	static const std::vector<DataRoute> all = [] {
		std::vector<DataRoute> joined_up = account_routes();
		for (DataRoute &route : transaction_routes()) {
			joined_up.push_back(std::move(route));
		}
		return joined_up;
	}();
	return all;
}

bool is_address(const std::string &text) {
	unsigned char bytes[sizeof(in6_addr)];
	return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

/// A data call as it came.
struct Parsed {
	DataRequest request;
	bool async = false;
	std::optional<std::string> webhook_uri;
};

Parsed parse_call(const Request &from, const DataRoute &route, std::string account_id) {
	Parsed out;
	out.request.route = &route;
	out.request.account_id = std::move(account_id);
	std::map<std::string, std::string> given;
	for (const auto &[name, value] : parse_form(from.query)) {
		const bool known = (route.ranged && (name == "from" || name == "to")) ||
		                   (route.bank && (name == "async" || name == "webhook_uri"));
		if (!known || !given.emplace(name, value).second) {
			fail("validation_error", (known ? "given twice: " : "unknown parameter: ") + name);
		}
	}
	if (given.contains("from")) {
		out.request.from = given["from"];
	}
	if (given.contains("to")) {
		out.request.to = given["to"];
	}
	if (given.contains("async")) {
		if (given["async"] != "true") {
			fail("validation_error", "async must be true");
		}
		out.async = true;
	}
	if (given.contains("webhook_uri")) {
		if (!out.async || !is_url(given["webhook_uri"])) {
			fail("validation_error", "webhook_uri must be a URL and needs async");
		}
		out.webhook_uri = given["webhook_uri"];
	}
	const std::string address(from.header("X-PSU-IP"));
	if (!address.empty() && !is_address(address)) {
		fail("validation_error", "X-PSU-IP must be one address");
	}
	out.request.attended = !address.empty();
	return out;
}

void check_scopes(const Connection &connection, const Bank &bank, const DataRoute &route) {
	for (const std::string_view scope : route.scopes) {
		if (std::find(bank.scopes.begin(), bank.scopes.end(), scope) == bank.scopes.end()) {
			fail("endpoint_not_supported");
		}
		if (!connection.has_scope(scope)) {
			fail("access_denied");
		}
	}
}

// TrueLayer: so many calls in 24 hours of an endpoint and account, unless the user is there; failed ones count too.
void count_unattended(State &state, Connection &connection, const DataRequest &request, int most) {
	if (request.attended) {
		return;
	}
	const Time now = state.world.clock.now();
	auto &calls = connection.unattended[std::string(request.route->path) + "\n" + request.account_id];
	while (!calls.empty() && calls.front() <= now - kQuotaSpan) {
		calls.pop_front();
	}
	if (most != 0 && calls.size() >= static_cast<std::size_t>(most)) {
		fail("provider_request_limit_exceeded");
	}
	calls.push_back(now);
}

Response answer_call(State &state, const Request &request, Connection &connection, const DataRoute &route,
                     std::string account_id) {
	Parsed parsed = parse_call(request, route, std::move(account_id));
	check_scopes(connection, state.bank_of(*connection.item), route);
	if (parsed.async) {
		Task task;
		task.request = std::move(parsed.request);
		task.webhook_uri = std::move(parsed.webhook_uri);
		task.connection = connection.item->number;
		return start_task(state, request, std::move(task));
	}
	std::string results;
	std::string status = state.settings.envelope_status;
	if (route.bank && connection.answer_status_count > 0) {
		--connection.answer_status_count;
		results = "[]";
		status = connection.answer_status;
	} else {
		results = run_call(state, connection, parsed.request);
	}
	ObjectText body;
	body.raw("results", results);
	if (!status.empty()) {
		body.string("status", status);
	}
	Response out = data_response(state, connection, 200, body.end());
	if (route.bank) {
		out.delivery.delay = state.world.config.bank_latency;
	}
	return out;
}

} // namespace

const DataRoute *find_route(std::string_view path, std::string &account_id) {
	static constexpr std::string_view kId = "{id}";
	for (const DataRoute &route : routes()) {
		const std::size_t at = route.path.find(kId);
		if (at == std::string_view::npos) {
			if (route.path == path) {
				return &route;
			}
			continue;
		}
		const std::string_view rest = route.path.substr(at + kId.size());
		if (path.size() <= at + rest.size() || !path.starts_with(route.path.substr(0, at)) || !path.ends_with(rest)) {
			continue;
		}
		const std::string_view id = path.substr(at, path.size() - at - rest.size());
		if (id.find('/') == std::string_view::npos) {
			account_id = id;
			return &route;
		}
	}
	return nullptr;
}

std::uint32_t DataCall::account(bool card) const {
	const auto index = item.account_index(request.account_id);
	if (!index || item.accounts[*index].card != card || !item.accounts[*index].open()) {
		fail("account_not_found");
	}
	return *index;
}

std::string run_call(State &state, Connection &connection, const DataRequest &request) {
	const Bank &bank = state.bank_of(*connection.item);
	DataCall call{state, connection, *connection.item, bank, request};
	if (request.route->bank) {
		count_unattended(state, connection, request, bank.daily_quota);
		if (connection.error) {
			fail(*connection.error);
		}
	}
	return request.route->handler(call);
}

Response data_response(State &state, const Connection &connection, int status, std::string body) {
	Response out;
	out.status = status;
	out.content_type = "application/json; charset=utf-8";
	out.body = std::move(body);
	const std::string id = state.world.ids.uuid();
	out.headers = {{"X-TL-Correlation-Id", id},
	               {"X-Request-Id", id},
	               {"X-Credentials-Id", connection.item->id},
	               {"Cache-Control", "max-age=0"},
	               {"X-Content-Type-Options", "nosniff"}};
	return out;
}

Response answer_data(State &state, const Request &request, std::string_view path) {
	static constexpr std::string_view kResults = "/results/";
	if (path == "/connections/extend" && request.method == "POST") {
		return extend_connection(state, request);
	}
	if (!path.starts_with(kData)) {
		fail("not_found");
	}
	path.remove_prefix(kData.size());
	std::string account_id;
	const DataRoute *route = find_route(path, account_id);
	const bool posts_batch = path == "/batch/transactions";
	if (route == nullptr && !posts_batch && path != "/batch/results" && !path.starts_with(kResults)) {
		fail("not_found");
	}
	if (request.method != (posts_batch ? "POST" : "GET")) {
		fail("method_not_allowed");
	}
	Connection &connection = state.authorized(request);
	if (connection.revoked || state.world.clock.now() >= connection.consent_expires) {
		fail("access_denied");
	}
	if (posts_batch) {
		return answer_batch(state, request, connection);
	}
	if (path == "/batch/results") {
		return answer_batch_results(state, connection);
	}
	if (path.starts_with(kResults)) {
		return answer_results(state, connection, std::string(path.substr(kResults.size())));
	}
	return answer_call(state, request, connection, *route, std::move(account_id));
}

} // namespace ob::sandbox::truelayer
