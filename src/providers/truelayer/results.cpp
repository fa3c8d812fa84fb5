// C++ regime.
#include "providers/truelayer/results.hpp"

#include <algorithm>
#include <chrono>

#include "core/loop.hpp"
#include "core/text.hpp"
#include "http/url_policy.hpp"
#include "providers/fields.hpp"
#include "providers/option_values.hpp"
#include "providers/truelayer/errors.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

using namespace std::chrono_literals;

constexpr int kAccepted = 202;

constexpr std::chrono::seconds kFirstPause = 2s;
constexpr std::chrono::seconds kLongestPause = 30s;
// How long TrueLayer keeps an answer is not told.
constexpr std::chrono::seconds kPatience = 15min;

constexpr ErrorRule kNotReady{
    "", Reaction::not_ready, ErrorCode::provider_down, "", "the bank's answer is not there yet", "Try again later."};
constexpr ErrorRule kFailed{
    "", Reaction::retry, ErrorCode::provider_down, "", "the bank's answer could not be had", "Try again later."};

/// Throws unless an answer of that status is final.
void check_final(std::string_view status, std::string_view endpoint) {
	if (status.empty() || text::iequals_ascii(status, "Succeeded"))
		return;
	const bool waits = text::iequals_ascii(status, "Queued") || text::iequals_ascii(status, "Running");
	ErrorFacts facts;
	facts.status = 200;
	throw error_by(waits ? kNotReady : kFailed, facts, endpoint);
}

struct Later {
	std::string status;
	std::string results_uri;
};

/// Of a small answer: {"results_uri": …, "status": …, "task_id": …}. One with results may be too large for this; it is
/// read elsewhere.
Later read_later(const std::string &body) {
	json::Body bytes(body);
	json::Reader reader(bytes);
	Later later;
	reader.root().object([&](std::string_view key, json::Value value) {
		if (key == "status")
			later.status = text_of(value);
		else if (key == "results_uri")
			later.results_uri = text_of(value);
	});
	reader.finish();
	return later;
}

bool is_waiting(std::string_view status) {
	return text::iequals_ascii(status, "Queued") || text::iequals_ascii(status, "Running");
}

/// Path and query.
std::string path_of(const std::string &url) {
	const std::size_t slash = url.find('/', url.find("://") + 3);
	return slash == url.npos ? std::string() : url.substr(slash);
}

/// `results_uri` is our own result.
Call call_for(const ServerConfig &server, const Call &asked, const std::string &results_uri) {
	Call call = asked;
	call.query.clear();
	call.path = path_of(results_uri).substr(path_of(api_url(server)).size());
	call.resource.clear(); // TrueLayer's own: no bank is asked
	return call;
}

} // namespace

Task<http::Response> fetch(Session session, Credentials credentials, Call call) {
	if (parse_boolean(session.server->option("async")).value_or(false))
		call.query.emplace_back("async", "true");
	const std::string endpoint = call.endpoint;
	Task<http::Response> sent = send(session, credentials, call);
	http::Response response = co_await sent;
	if (response.status != kAccepted)
		co_return std::move(response);
	const Later later = read_form(endpoint, [&] { return read_later(response.body); });
	if (!is_own_result(*session.server, later.results_uri))
		bad_answer(endpoint, "the address of the results is not the API's", request_id(response));
	const Call polled = call_for(*session.server, call, later.results_uri);
	const Timestamp begun = session.clock->now();
	for (auto pause = kFirstPause; session.clock->now() - begun < kPatience;
	     pause = std::min(2 * pause, kLongestPause)) {
		Sleep sleep(pause);
		co_await sleep;
		Task<http::Response> asked = send(session, credentials, polled);
		response = co_await asked;
		if (response.status != kAccepted &&
		    !read_form(endpoint, [&] { return is_waiting(read_later(response.body).status); }))
			co_return std::move(response);
	}
	check_final("Queued", endpoint);
	co_return std::move(response);
}

void read_results(json::Body &body, std::string_view endpoint, const std::function<void(json::Value)> &on_item) {
	if (text::trim(body.view()).empty())
		return;
	json::Reader reader(body);
	bool listed = false;
	std::string_view status;
	reader.root().object([&](std::string_view key, json::Value value) {
		if (key == "results") {
			listed = true;
			value.array_or_null(on_item);
		} else if (key == "status") {
			status = text_of(value);
		}
	});
	reader.finish();
	check_final(status, endpoint);
	if (!listed)
		bad_answer(endpoint, "results is missing");
}

bool is_own_result(const ServerConfig &server, const std::string &url) {
	const std::string base = api_url(server);
	if (!is_url(url) || url.find("/..") != url.npos)
		return false;
	const http::Origin ours = http::parse_origin(base);
	const http::Origin theirs = http::parse_origin(url);
	return ours.scheme == theirs.scheme && ours.host == theirs.host && ours.port == theirs.port &&
	       path_of(url).starts_with(path_of(base) + std::string(kDataPrefix) + "/");
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
