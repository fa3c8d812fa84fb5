#include "faults.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "text.hpp"

namespace ob::sandbox {

namespace {

struct KindName {
	std::string_view name;
	Fault::Kind kind;
	bool takes_effect;
};

// Faults in the answer leave the effect standing ("the answer was lost"); refusals happen instead of the work.
constexpr std::array kKinds = {
    KindName{"status", Fault::Kind::status, false},
    KindName{"error", Fault::Kind::error, false},
    KindName{"rate_limit", Fault::Kind::rate_limit, false},
    KindName{"cut", Fault::Kind::cut, true},
    KindName{"drip", Fault::Kind::drip, true},
    KindName{"stall", Fault::Kind::stall, true},
    KindName{"delay", Fault::Kind::delay, true},
    KindName{"truncate", Fault::Kind::truncate, true},
    KindName{"malformed", Fault::Kind::malformed, true},
    KindName{"content_type", Fault::Kind::content_type, true},
    KindName{"html", Fault::Kind::html, false},
    KindName{"empty", Fault::Kind::empty, false},
    KindName{"huge", Fault::Kind::huge, true},
    KindName{"invalid_utf8", Fault::Kind::invalid_utf8, true},
    KindName{"endless_pages", Fault::Kind::endless_pages, true},
    KindName{"repeat_cursor", Fault::Kind::repeat_cursor, true},
    KindName{"mutation_error", Fault::Kind::mutation_error, true},
    KindName{"change_total", Fault::Kind::change_total, true},
    KindName{"not_net", Fault::Kind::not_net, true},
    KindName{"control", Fault::Kind::control, true},
};

const std::set<std::string, std::less<>> kWords = {
    "kind", "provider", "path",  "item_id",      "nth",         "count", "status", "code",
    "body", "message",  "where", "content_type", "headers",     "after", "reset",  "bytes_per_second",
    "ms",   "bytes",    "run",   "takes_effect", "retry_after", "field", "chunked"};

Delivery::Cut cut_place(const std::string &where) {
	if (where == "before") {
		return Delivery::Cut::before_answer;
	}
	if (where == "headers") {
		return Delivery::Cut::in_headers;
	}
	if (where == "body") {
		return Delivery::Cut::in_body;
	}
	throw ControlError{"where must be before, headers or body"};
}

Fault read_fault(const Json &rule, const RawObject &raw) {
	const std::string name = rule.text_of("kind");
	const auto *kind = std::find_if(kKinds.begin(), kKinds.end(), [&](const KindName &k) { return k.name == name; });
	if (kind == kKinds.end()) {
		std::string known;
		for (const KindName &k : kKinds) {
			known.append(known.empty() ? "" : ", ").append(k.name);
		}
		throw ControlError{"kind must be one of " + known};
	}
	Fault fault;
	fault.kind = kind->kind;
	fault.takes_effect = rule.truth_of("takes_effect", kind->takes_effect);
	fault.status = static_cast<int>(rule.integer_of("status", fault.kind == Fault::Kind::html ? 502 : 500));
	fault.code = rule.text_of("code");
	fault.text = rule.has("body") ? rule.text_of("body") : rule.text_of("message");
	fault.bytes = static_cast<std::size_t>(rule.integer_of("bytes"));
	fault.field = rule.has("field") ? rule.text_of("field") : "name";
	fault.delivery.chunked = rule.truth_of("chunked");
	if (rule.has("content_type")) {
		fault.content_type = rule.text_of("content_type");
	}
	for (const auto &[key, value] : rule.get("headers").members()) {
		fault.headers.emplace_back(key, value.text());
	}
	if (rule.has("retry_after")) {
		const Json after = rule.get("retry_after");
		fault.headers.emplace_back("Retry-After", after.is_string() ? after.text() : std::to_string(after.integer()));
	}
	switch (fault.kind) {
	case Fault::Kind::error:
		if (fault.code.empty()) {
			throw ControlError{"an error fault needs a code"};
		}
		break;
	case Fault::Kind::cut:
		fault.delivery.cut = cut_place(rule.has("where") ? rule.text_of("where") : "before");
		fault.delivery.cut_after = static_cast<std::size_t>(rule.integer_of("after"));
		fault.delivery.reset = rule.truth_of("reset");
		break;
	case Fault::Kind::drip:
		fault.delivery.drip_headers = rule.text_of("where") == "headers";
		fault.delivery.bytes_per_second =
		    static_cast<std::size_t>(std::max<std::int64_t>(1, rule.integer_of("bytes_per_second", 10)));
		break;
	case Fault::Kind::stall:
		fault.delivery.stall = true;
		break;
	case Fault::Kind::delay:
		fault.delivery.delay = std::chrono::milliseconds{rule.integer_of("ms")};
		break;
	case Fault::Kind::huge:
		fault.delivery.filler_bytes = static_cast<std::uint64_t>(rule.integer_of("bytes", 2'000'000'000));
		break;
	case Fault::Kind::control:
		for (const std::string &command : raw_elements(raw.get("run").value_or("[]"))) {
			const RawObject parts = RawObject::parse(command).value_or(RawObject{});
			fault.run.emplace_back(parts.text_of("path"), parts.get("body").value_or("{}"));
		}
		break;
	default:
		break;
	}
	return fault;
}

// A * at the end stands for any rest, elsewhere for what is between two slashes.
bool path_matches(std::string_view pattern, std::string_view path) {
	if (pattern.empty()) {
		return true;
	}
	for (;;) {
		const std::size_t star = pattern.find('*');
		if (star == std::string_view::npos) {
			return pattern == path;
		}
		if (!path.starts_with(pattern.substr(0, star))) {
			return false;
		}
		pattern.remove_prefix(star + 1);
		path.remove_prefix(star);
		if (pattern.empty()) {
			return true;
		}
		path.remove_prefix(std::min(path.size(), path.find('/')));
	}
}

} // namespace

std::uint64_t Faults::add(const std::string &text) {
	const Json rule = Json::parse(text);
	if (!rule.is_object()) {
		throw ControlError{"a fault rule must be a JSON object"};
	}
	for (const auto &[key, value] : rule.members()) {
		if (!kWords.contains(key)) {
			throw ControlError{"unknown word in a fault rule: " + key};
		}
	}
	FaultRule out;
	out.fault = read_fault(rule, RawObject::parse(text).value_or(RawObject{}));
	out.id = next_id_++;
	out.provider = rule.text_of("provider");
	out.path = rule.text_of("path");
	out.item_id = rule.text_of("item_id");
	out.nth = static_cast<std::uint64_t>(std::max<std::int64_t>(1, rule.integer_of("nth", 1)));
	out.count = static_cast<std::uint64_t>(std::max<std::int64_t>(0, rule.integer_of("count", 1)));
	out.text = text;
	rules_.push_back(std::move(out));
	return rules_.back().id;
}

bool Faults::remove(std::uint64_t id) {
	return std::erase_if(rules_, [id](const FaultRule &rule) { return rule.id == id; }) != 0;
}

std::vector<Fault> Faults::match(std::string_view provider, std::string_view path, std::string_view item_id) {
	std::vector<Fault> out;
	for (FaultRule &rule : rules_) {
		if ((!rule.provider.empty() && rule.provider != provider) || !path_matches(rule.path, path) ||
		    (!rule.item_id.empty() && rule.item_id != item_id)) {
			continue;
		}
		++rule.seen;
		if (rule.seen >= rule.nth && (rule.count == 0 || rule.seen < rule.nth + rule.count)) {
			out.push_back(rule.fault);
		}
	}
	return out;
}

std::string Faults::list() const {
	std::vector<std::string> rules;
	for (const FaultRule &rule : rules_) {
		const std::uint64_t from_nth = rule.seen >= rule.nth ? rule.seen - rule.nth + 1 : 0;
		const std::uint64_t fired = rule.count == 0 ? from_nth : std::min(from_nth, rule.count);
		rules.push_back(ObjectText{}
		                    .number("id", static_cast<std::int64_t>(rule.id))
		                    .number("seen", static_cast<std::int64_t>(rule.seen))
		                    .number("fired", static_cast<std::int64_t>(fired))
		                    .raw("rule", rule.text)
		                    .end());
	}
	return json_array(rules);
}

void collect(const std::vector<Fault> &faults, Directives &directives) {
	for (const Fault &fault : faults) {
		directives.endless_pages |= fault.kind == Fault::Kind::endless_pages;
		directives.repeat_cursor |= fault.kind == Fault::Kind::repeat_cursor;
		directives.mutation_error |= fault.kind == Fault::Kind::mutation_error;
		directives.change_total |= fault.kind == Fault::Kind::change_total;
		directives.not_net |= fault.kind == Fault::Kind::not_net;
	}
}

std::optional<Response> replacement(const Fault &fault, Provider &provider) {
	Response out;
	switch (fault.kind) {
	case Fault::Kind::status:
		out.status = fault.status;
		out.body = fault.text;
		out.content_type = fault.content_type;
		break;
	case Fault::Kind::error:
		out = provider.error(fault.code, fault.text);
		break;
	case Fault::Kind::rate_limit:
		out = provider.error(fault.code.empty() ? provider.rate_limit_code() : fault.code, fault.text);
		out.status = 429;
		break;
	case Fault::Kind::html:
		out.status = fault.status;
		out.content_type = "text/html";
		out.body = fault.text.empty() ? "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad "
		                                "Gateway</h1></body></html>\n"
		                              : fault.text;
		break;
	case Fault::Kind::empty:
		break;
	default:
		return std::nullopt;
	}
	out.headers.insert(out.headers.end(), fault.headers.begin(), fault.headers.end());
	return out;
}

void spoil(const Fault &fault, Response &response) {
	switch (fault.kind) {
	case Fault::Kind::cut:
		response.delivery.cut = fault.delivery.cut;
		response.delivery.cut_after = fault.delivery.cut_after;
		response.delivery.reset = fault.delivery.reset;
		break;
	case Fault::Kind::drip:
		response.delivery.drip_headers = fault.delivery.drip_headers;
		response.delivery.bytes_per_second = fault.delivery.bytes_per_second;
		break;
	case Fault::Kind::stall:
		response.delivery.stall = true;
		break;
	case Fault::Kind::delay:
		response.delivery.delay += fault.delivery.delay;
		break;
	case Fault::Kind::huge:
		// Blanks after good JSON: a size limit must stop it, no parser would.
		response.delivery.filler_bytes = fault.delivery.filler_bytes;
		response.delivery.chunked = fault.delivery.chunked;
		break;
	case Fault::Kind::truncate:
		response.body.resize(std::min(response.body.size(), fault.bytes != 0 ? fault.bytes : response.body.size() / 2));
		break;
	case Fault::Kind::malformed:
		// A value without its key: wrong at the start, in the middle and for every kind of parser.
		response.body = fault.text.empty() ? "{\"accounts\": [}, \"item\" oops" : fault.text;
		break;
	case Fault::Kind::content_type:
		response.content_type = fault.content_type;
		break;
	case Fault::Kind::invalid_utf8: {
		// Inside a string, so that the JSON around it stays well formed: the first one of that name, or the last of
		// all.
		const std::string key = "\"" + fault.field + "\":\"";
		const std::size_t named = response.body.find(key);
		const std::size_t last = response.body.rfind('"');
		response.body.insert(named != std::string::npos  ? named + key.size()
		                     : last != std::string::npos ? last
		                                                 : 0,
		                     "\xC3\x28\xFF");
		break;
	}
	default:
		break;
	}
	response.headers.insert(response.headers.end(), fault.headers.begin(), fault.headers.end());
}

} // namespace ob::sandbox
