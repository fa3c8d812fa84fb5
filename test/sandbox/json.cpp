#include "json.hpp"

#include <cmath>
#include <cstdlib>

#include "text.hpp"

namespace ob::sandbox {

Json Json::parse(std::string_view text) {
	json_error_t error;
	return Json{json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error)};
}

Json Json::parse_lenient(std::string_view text) {
	json_error_t error;
	return Json{json_loadb(text.data(), text.size(),
	                       JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY,
	                       &error)};
}

std::vector<std::pair<std::string, Json>> Json::members() const {
	std::vector<std::pair<std::string, Json>> out;
	const char *key = nullptr;
	json_t *value = nullptr;
	json_object_foreach(value_, key, value) {
		out.emplace_back(key, Json{json_incref(value)});
	}
	return out;
}

std::vector<Json> Json::elements() const {
	std::vector<Json> out;
	std::size_t index = 0;
	json_t *value = nullptr;
	json_array_foreach(value_, index, value) {
		out.emplace_back(json_incref(value));
	}
	return out;
}

std::string Json::text() const {
	return is_string() ? std::string(json_string_value(value_), json_string_length(value_)) : std::string{};
}

std::int64_t Json::integer(std::int64_t otherwise) const {
	if (is_integer()) {
		return json_integer_value(value_);
	}
	if (is_number()) {
		const double number = json_real_value(value_);
		if (std::floor(number) == number && std::abs(number) < 9e15) {
			return static_cast<std::int64_t>(number);
		}
	}
	return otherwise;
}

std::vector<std::string> Json::texts() const {
	std::vector<std::string> out;
	for (const Json &element : elements()) {
		if (element.is_string()) {
			out.push_back(element.text());
		}
	}
	return out;
}

std::string Json::write(std::size_t flags) const {
	if (value_ == nullptr) {
		return "null";
	}
	char *text = json_dumps(value_, flags | JSON_ENCODE_ANY);
	std::string out = text == nullptr ? "null" : text;
	std::free(text); // NOLINT: jansson allocates with malloc
	return out;
}

namespace {

void skip_blanks(std::string_view text, std::size_t &at) {
	while (at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')) {
		++at;
	}
}

// Moves past the string that begins at `at`.
void skip_string(std::string_view text, std::size_t &at) {
	++at;
	while (at < text.size() && text[at] != '"') {
		at += text[at] == '\\' ? 2U : 1U;
	}
	++at;
}

// Returns the text of the value at `at`. The grammar has been checked by a parser; only the extent is wanted.
std::string_view take_value(std::string_view text, std::size_t &at) {
	const std::size_t start = at;
	int depth = 0;
	while (at < text.size()) {
		const char c = text[at];
		if (c == '"') {
			skip_string(text, at);
			if (depth == 0) {
				break;
			}
			continue;
		}
		if (depth == 0 && at != start &&
		    (c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
			break;
		}
		++at;
		if (c == '{' || c == '[') {
			++depth;
		} else if (c == '}' || c == ']') {
			if (--depth == 0) {
				break;
			}
		}
	}
	at = std::min(at, text.size());
	return text.substr(start, at - start);
}

} // namespace

std::string decode_string(std::string_view json) {
	if (json.find('\\') == std::string_view::npos) {
		return std::string(json.substr(1, json.size() - 2));
	}
	std::string document = "[";
	document.append(json).append("]");
	const std::vector<Json> elements = Json::parse(document).elements();
	return elements.empty() ? std::string{} : elements.front().text();
}

std::string_view raw_member(std::string_view object, std::string_view key) {
	std::size_t at = 0;
	skip_blanks(object, at);
	while (at < object.size()) {
		++at; // the brace, or a comma
		skip_blanks(object, at);
		const std::size_t start = at;
		if (at >= object.size() || object[at] != '"') {
			break;
		}
		skip_string(object, at);
		const std::string_view name = object.substr(start + 1, at - start - 2);
		skip_blanks(object, at);
		++at; // the colon
		skip_blanks(object, at);
		const std::string_view value = take_value(object, at);
		if (name == key) {
			return value;
		}
		skip_blanks(object, at);
	}
	return {};
}

std::optional<RawObject> RawObject::parse(std::string_view text) {
	RawObject out;
	std::size_t at = 0;
	skip_blanks(text, at);
	if (at >= text.size() || text[at] != '{') {
		return std::nullopt;
	}
	++at;
	for (;;) {
		skip_blanks(text, at);
		if (at >= text.size() || text[at] == '}') {
			break;
		}
		if (text[at] == ',') {
			++at;
			continue;
		}
		const std::size_t start = at;
		skip_string(text, at);
		if (at > text.size()) {
			return std::nullopt;
		}
		std::string_view quoted = text.substr(start, at - start);
		std::string key = decode_string(quoted);
		skip_blanks(text, at);
		if (at >= text.size() || text[at] != ':') {
			return std::nullopt;
		}
		++at;
		skip_blanks(text, at);
		out.members_.emplace_back(std::move(key), std::string(take_value(text, at)));
	}
	return out;
}

std::optional<std::string> RawObject::get(std::string_view key) const {
	for (const auto &[name, value] : members_) {
		if (name == key) {
			return value;
		}
	}
	return std::nullopt;
}

std::string RawObject::text_of(std::string_view key) const {
	const auto value = get(key);
	return value && value->starts_with('"') ? decode_string(*value) : std::string{};
}

void RawObject::set(std::string_view key, std::string_view json) {
	for (auto &[name, value] : members_) {
		if (name == key) {
			value = json;
			return;
		}
	}
	members_.emplace_back(key, json);
}

void RawObject::erase(std::string_view key) {
	std::erase_if(members_, [key](const auto &member) { return member.first == key; });
}

void RawObject::merge(const RawObject &other) {
	for (const auto &[key, value] : other.members_) {
		set(key, value);
	}
}

std::string RawObject::dump() const {
	ObjectText out;
	for (const auto &[key, value] : members_) {
		out.raw(key, value);
	}
	return out.end();
}

std::vector<std::string> raw_elements(std::string_view text) {
	std::vector<std::string> out;
	std::size_t at = 0;
	skip_blanks(text, at);
	if (at >= text.size() || text[at] != '[') {
		return out;
	}
	++at;
	for (;;) {
		skip_blanks(text, at);
		if (at >= text.size() || text[at] == ']') {
			return out;
		}
		if (text[at] == ',') {
			++at;
			continue;
		}
		out.emplace_back(take_value(text, at));
	}
}

} // namespace ob::sandbox
