// The /_control part of the simulator: clock, settings, faults, counters, dump, reset; the rest goes to the providers.
#include <algorithm>

#include "simulator.hpp"

namespace ob::sandbox {

namespace {

std::string done() {
	return "{\"done\":true}";
}

Json body_of(const Request &request) {
	if (request.body.empty()) {
		return Json::parse("{}");
	}
	Json body = Json::parse_lenient(request.body);
	if (!body.is_object()) {
		throw ControlError{"the body must be a JSON object"};
	}
	return body;
}

void allow_words(const Json &body, std::initializer_list<std::string_view> words) {
	for (const auto &[key, value] : body.members()) {
		if (std::find(words.begin(), words.end(), key) == words.end()) {
			throw ControlError{"unknown word: " + key};
		}
	}
}

std::chrono::milliseconds milliseconds_of(const Json &value) {
	return std::chrono::milliseconds{value.integer()};
}

std::string clock_control(SimClock &clock, const Json &body) {
	allow_words(body, {"set", "frozen", "advance_seconds", "advance_days", "real"});
	if (body.truth_of("real")) {
		clock.reset();
	}
	if (body.has("set")) {
		const auto time = parse_time(body.text_of("set"));
		if (!time) {
			throw ControlError{"set must be a time such as 2026-03-07T10:00:00Z"};
		}
		clock.set(*time, body.truth_of("frozen", true));
	} else if (body.has("frozen")) {
		clock.set(clock.now(), body.truth_of("frozen"));
	}
	clock.advance(std::chrono::seconds{body.integer_of("advance_seconds")} +
	              std::chrono::days{body.integer_of("advance_days")});
	return ObjectText{}.string("now", format_time(clock.now(), 9)).boolean("frozen", clock.frozen()).end();
}

std::string config_control(World &world, const Json &body) {
	Config &config = world.config;
	allow_words(body, {"environment", "initial_delay_ms", "historical_delay_ms", "item_login_days", "null_when_empty",
	                   "null_cursor", "largest_page", "bank_latency_ms", "limits", "clients", "redirect_uris"});
	if (body.has("environment")) {
		config.environment = body.text_of("environment");
		if (config.environment != "sandbox" && config.environment != "production") {
			throw ControlError{"environment must be sandbox or production"};
		}
	}
	if (body.has("initial_delay_ms")) {
		config.initial_delay = milliseconds_of(body.get("initial_delay_ms"));
	}
	if (body.has("historical_delay_ms")) {
		config.historical_delay = milliseconds_of(body.get("historical_delay_ms"));
	}
	config.item_login_days = static_cast<int>(body.integer_of("item_login_days", config.item_login_days));
	config.null_when_empty = body.truth_of("null_when_empty", config.null_when_empty);
	config.null_cursor = body.truth_of("null_cursor", config.null_cursor);
	config.largest_page = body.integer_of("largest_page", config.largest_page);
	if (body.has("bank_latency_ms")) {
		config.bank_latency = milliseconds_of(body.get("bank_latency_ms"));
	}
	config.limits = body.truth_of("limits", config.limits);
	if (body.has("redirect_uris")) {
		config.redirect_uris = body.get("redirect_uris").texts();
	}
	if (body.has("clients")) {
		world.clients.clear();
		for (const Json &client : body.get("clients").elements()) {
			world.clients.push_back({client.text_of("client_id"), client.text_of("secret")});
		}
	}
	return ObjectText{}
	    .string("environment", config.environment)
	    .number("initial_delay_ms", config.initial_delay.count())
	    .number("historical_delay_ms", config.historical_delay.count())
	    .number("item_login_days", config.item_login_days)
	    .boolean("null_when_empty", config.null_when_empty)
	    .boolean("null_cursor", config.null_cursor)
	    .number("largest_page", config.largest_page)
	    .number("bank_latency_ms", config.bank_latency.count())
	    .boolean("limits", config.limits)
	    .number("clients", static_cast<std::int64_t>(world.clients.size()))
	    .end();
}

std::string latency_control(Config &config, const Json &body) {
	allow_words(body, {"ms", "path"});
	if (body.has("path") && body.get("ms").is_null()) {
		config.latency_by_path.erase(body.text_of("path"));
	} else if (body.has("path")) {
		config.latency_by_path[body.text_of("path")] = milliseconds_of(body.get("ms"));
	} else if (body.has("ms")) {
		config.latency = milliseconds_of(body.get("ms"));
	}
	ObjectText paths;
	for (const auto &[path, latency] : config.latency_by_path) {
		paths.number(path, latency.count());
	}
	return ObjectText{}.number("ms", config.latency.count()).raw("by_path", paths.end()).end();
}

std::string fault_control(Faults &faults, const Request &request) {
	// Read again and strictly: whole numbers must stay whole, and the commands of a rule keep the text of their
	// numbers.
	const std::string text = request.body.empty() ? "{}" : request.body;
	const Json body = Json::parse(text);
	if (request.method == "GET") {
		return ObjectText{}.raw("faults", faults.list()).end();
	}
	if (request.method == "DELETE" || body.truth_of("clear")) {
		if (body.has("id")) {
			faults.remove(static_cast<std::uint64_t>(body.integer_of("id")));
		} else {
			faults.clear();
		}
		return done();
	}
	std::vector<std::string> ids;
	if (body.get("rules").is_array()) {
		const RawObject raw = RawObject::parse(text).value_or(RawObject{});
		for (const std::string &rule : raw_elements(raw.get("rules").value_or("[]"))) {
			ids.push_back(std::to_string(faults.add(rule)));
		}
	} else {
		ids.push_back(std::to_string(faults.add(text)));
	}
	return ObjectText{}.raw("ids", json_array(ids)).end();
}

} // namespace

namespace {

std::string webhook_control(WebhookQueue &queue, const Json &body) {
	allow_words(body, {"hold", "lose_next", "repeat_next", "reverse", "clear"});
	if (body.truth_of("clear")) {
		queue.clear();
	}
	if (body.has("hold")) {
		queue.hold(body.truth_of("hold"));
	}
	if (body.has("lose_next")) {
		queue.lose_next(static_cast<int>(body.integer_of("lose_next")));
	}
	if (body.has("repeat_next")) {
		queue.repeat_next(static_cast<int>(body.integer_of("repeat_next")));
	}
	if (body.truth_of("reverse")) {
		queue.reverse();
	}
	return ObjectText{}.raw("webhooks", queue.list()).end();
}

} // namespace

Response Simulator::answer_control(const Request &request) {
	Response out;
	std::string_view what = request.path;
	what.remove_prefix(std::min(what.size(), std::string_view("/_control/").size()));
	try {
		if (Provider *provider = provider_of("/" + std::string(what.substr(0, what.find('/'))));
		    provider != nullptr && what.ends_with("/rows")) {
			out.content_type = "text/plain; charset=utf-8";
			// Other requests are answered between two pieces: each takes the lock for itself.
			out.more = [this, next = provider->rows(request.body.empty() ? "{}" : request.body)] {
				const std::lock_guard lock(mutex_);
				return next();
			};
			return out;
		}
		out.body = control(what, request);
	} catch (const ControlError &error) {
		out.status = 400;
		out.body = ObjectText{}.string("error", error.message).end();
	}
	return out;
}

std::string Simulator::control(std::string_view what, const Request &request) {
	const bool reads = request.method == "GET";
	// Commands of a provider get the body as text: amounts in it must keep their digits.
	const std::size_t slash = what.find('/');
	if (Provider *provider = provider_of("/" + std::string(what.substr(0, slash)));
	    provider != nullptr && slash != std::string_view::npos) {
		return provider->control(what.substr(slash + 1), request.body.empty() ? "{}" : request.body);
	}
	const Json body = body_of(request);
	if (what == "clock") {
		std::string out = clock_control(world_.clock, reads ? Json::parse("{}") : body);
		for (const auto &provider : providers_) {
			provider->tick(true);
		}
		return out;
	}
	if (what == "config") {
		std::string out = config_control(world_, reads ? Json::parse("{}") : body);
		for (const auto &provider : providers_) {
			provider->tick(true);
		}
		return out;
	}
	if (what == "latency") {
		return latency_control(world_.config, body);
	}
	if (what == "faults") {
		return fault_control(faults_, request);
	}
	if (what == "webhooks") {
		return webhook_control(world_.webhooks, body);
	}
	if (what == "connections") {
		allow_words(body, {"stall"});
		connections_to_stall_ = static_cast<int>(body.integer_of("stall"));
		return done();
	}
	if (what == "requests") {
		if (request.method == "DELETE" || body.truth_of("clear")) {
			log_.clear();
		}
		return log_.dump();
	}
	if (what == "dump") {
		allow_words(body, {"item_id", "transactions"});
		ObjectText out;
		out.string("now", format_time(world_.clock.now(), 9));
		for (const auto &provider : providers_) {
			out.raw(provider->name(), provider->dump(body.text_of("item_id"), body.truth_of("transactions", true)));
		}
		return out.end();
	}
	if (what == "reset") {
		world_.reset();
		faults_.clear();
		log_.clear();
		connections_to_stall_ = 0;
		for (const auto &provider : providers_) {
			provider->reset();
		}
		return done();
	}
	if (what.empty()) {
		std::vector<std::string> names;
		for (const auto &provider : providers_) {
			names.emplace_back(provider->name());
		}
		return ObjectText{}
		    .raw("providers", json_strings(names))
		    .raw("controls", json_strings(std::vector<std::string>{"clock", "config", "latency", "faults", "requests",
		                                                           "dump", "reset", "webhooks", "connections"}))
		    .end();
	}
	throw ControlError{"unknown control: " + std::string(what)};
}

} // namespace ob::sandbox
