#include "json/document.hpp"

#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>

#include <jansson.h>

#include "core/text.hpp"
#include "json/body.hpp"

#include "core/pure.hpp"

namespace ob::json {
namespace {

void wiping_free(void *p) {
	if (!p)
		return;
	wipe(p, malloc_usable_size(p));
	std::free(p);
}

/// While it lives, jansson wipes what it frees. Its allocator is the process's, shared with other users of the library,
/// so it is changed only around our calls; both free functions fit memory from malloc.
class WipingScope {
public:
	WipingScope() noexcept {
		json_get_alloc_funcs(&malloc_, &free_);
		json_set_alloc_funcs(std::malloc, wiping_free);
	}
	~WipingScope() { json_set_alloc_funcs(malloc_, free_); }
	WipingScope(const WipingScope &) = delete;
	WipingScope &operator=(const WipingScope &) = delete;

private:
	json_malloc_t malloc_ = nullptr;
	json_free_t free_ = nullptr;
};

struct WipingFree {
	void operator()(char *p) const noexcept { wiping_free(p); }
};
using DumpedText = std::unique_ptr<char, WipingFree>;

json_t *or_bad_alloc(json_t *value) {
	if (!value)
		throw std::bad_alloc();
	return value;
}

void check_utf8(std::string_view text) {
	if (!text::valid_utf8(text))
		throw Error(ErrorCode::invalid_argument, "a text is not valid UTF-8");
}

json_t *new_text(std::string_view text) {
	check_utf8(text);
	const WipingScope scope;
	return or_bad_alloc(json_stringn(text.empty() ? "" : text.data(), text.size()));
}

json_t *new_integer(std::int64_t value) {
	const WipingScope scope;
	return or_bad_alloc(json_integer(value));
}

json_t *new_copy(const json_t *value) {
	const WipingScope scope;
	return value ? or_bad_alloc(json_deep_copy(value)) : json_null();
}

DumpedText dumped(const json_t *value, std::size_t flags) {
	const WipingScope scope;
	DumpedText text(json_dumps(value, flags | JSON_COMPACT | JSON_ENCODE_ANY));
	if (!text)
		throw std::bad_alloc();
	return text;
}

[[noreturn]] void refuse(const ParseLimits &limits, std::string detail) {
	throw Error(limits.error,
	            limits.error == ErrorCode::bad_reply ? "the answer is not valid JSON" : "the text is not valid JSON",
	            std::move(detail));
}

/// Nesting is counted before parsing, so that nothing deep is ever built.
void check_depth(std::string_view text, const ParseLimits &limits) {
	int depth = 0;
	bool in_text = false;
	for (std::size_t i = 0; i < text.size(); ++i) {
		const char c = text[i];
		if (in_text) {
			if (c == '\\')
				++i;
			else if (c == '"')
				in_text = false;
		} else if (c == '"') {
			in_text = true;
		} else if (c == '{' || c == '[') {
			if (++depth > limits.max_depth)
				refuse(limits, "at byte " + std::to_string(i) + ": nested too deeply");
		} else if (c == '}' || c == ']') {
			--depth;
		}
	}
}

const char *reason(enum json_error_code code) {
	switch (code) {
	case json_error_duplicate_key:
		return "a key occurs twice";
	case json_error_premature_end_of_input:
		return "it ends too early";
	case json_error_end_of_input_expected:
		return "something follows the end of the document";
	case json_error_numeric_overflow:
		return "a number is too large";
	default:
		return "it breaks JSON's grammar";
	}
}

} // namespace

void detail::Release::operator()(json_t *value) const noexcept {
	const WipingScope scope;
	json_decref(value);
}

// ---- Node ----

bool Node::exists() const noexcept {
	return value_ && !json_is_null(value_);
}
bool Node::is_object() const noexcept {
	return json_is_object(value_);
}
bool Node::is_array() const noexcept {
	return json_is_array(value_);
}
bool Node::is_text() const noexcept {
	return json_is_string(value_);
}
bool Node::is_integer() const noexcept {
	return json_is_integer(value_);
}
bool Node::is_boolean() const noexcept {
	return json_is_boolean(value_);
}

Node Node::get(std::string_view key) const noexcept {
	return Node(json_object_getn(value_, key.data(), key.size()));
}

std::string_view Node::text() const noexcept {
	if (!is_text())
		return {};
	return {json_string_value(value_), json_string_length(value_)};
}

std::optional<std::int64_t> Node::integer() const noexcept {
	if (!is_integer())
		return std::nullopt;
	return json_integer_value(value_);
}

std::optional<bool> Node::boolean() const noexcept {
	if (!is_boolean())
		return std::nullopt;
	return json_is_true(value_);
}

std::size_t Node::size() const noexcept {
	return is_array() ? json_array_size(value_) : json_object_size(value_);
}

std::vector<Node> Node::items() const {
	std::vector<Node> result;
	const std::size_t count = json_array_size(value_);
	result.reserve(count);
	for (std::size_t i = 0; i < count; ++i)
		result.emplace_back(json_array_get(value_, i));
	return result;
}

std::vector<std::pair<std::string_view, Node>> Node::members() const {
	std::vector<std::pair<std::string_view, Node>> result;
	result.reserve(json_object_size(value_));
	// The iterator's functions take a mutable object but only read it.
	auto *object = const_cast<json_t *>(value_);
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
		result.emplace_back(std::string_view(json_object_iter_key(at), json_object_iter_key_len(at)),
		                    Node(json_object_iter_value(at)));
	return result;
}

std::string Node::canonical_dump() const {
	if (!value_)
		return "null";
	return dumped(value_, JSON_SORT_KEYS).get();
}

// ---- Document ----

Document Document::parse(std::string_view text, const ParseLimits &limits) {
	if (text.size() > limits.max_bytes)
		throw Error(ErrorCode::limit_exceeded,
		            "a JSON document is larger than " + std::to_string(limits.max_bytes) + " bytes");
	WipedString bytes(text);
	try {
		sanitize(bytes.data(), bytes.size());
	} catch (const Error &error) {
		refuse(limits, error.detail());
	}
	check_depth(bytes, limits);
	const WipingScope scope;
	json_error_t error;
	detail::Owned root(json_loadb(bytes.data(), bytes.size(), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error));
	if (root)
		return Document(std::move(root));
	const enum json_error_code code = json_error_code(&error);
	const int place = error.position;
	wipe(&error, sizeof error); // quotes the text
	if (code == json_error_out_of_memory)
		throw std::bad_alloc();
	refuse(limits, "at byte " + std::to_string(place) + ": " + reason(code));
}

// ---- Object ----

namespace {

template <class Make>
detail::Owned made(Make make) {
	const WipingScope scope;
	return detail::Owned(or_bad_alloc(make()));
}

} // namespace

// Not json_object(): the server exports an SQL function of that name, and the dynamic linker would choose it.
Object::Object() : root_(made([] { return json_pack("{}"); })) {}

Object &Object::put(std::string_view key, json_t *owned) {
	detail::Owned value(owned);
	check_utf8(key);
	const WipingScope scope;
	if (json_object_setn_new(root_.get(), key.empty() ? "" : key.data(), key.size(), value.release()) != 0)
		throw std::bad_alloc();
	return *this;
}

Object &Object::set(std::string_view key, std::string_view text) {
	return put(key, new_text(text));
}
Object &Object::set_integer(std::string_view key, std::int64_t value) {
	return put(key, new_integer(value));
}
Object &Object::set_boolean(std::string_view key, bool value) {
	return put(key, json_boolean(value));
}
Object &Object::set(std::string_view key, Node value) {
	return put(key, new_copy(value.value_));
}
Object &Object::set_secret(std::string_view key, const Secret &value) {
	return put(key, new_text(value.reveal()));
}
Object &Object::set_null(std::string_view key) {
	return put(key, json_null());
}

WipedString Object::dump() const {
	return dumped(root_.get(), 0).get();
}

// ---- Array ----

Array::Array() : root_(made(json_array)) {}

Array &Array::push(json_t *owned) {
	const WipingScope scope;
	if (json_array_append_new(root_.get(), owned) != 0)
		throw std::bad_alloc();
	return *this;
}

Array &Array::add(std::string_view text) {
	return push(new_text(text));
}
Array &Array::add_integer(std::int64_t value) {
	return push(new_integer(value));
}
Array &Array::add_boolean(bool value) {
	return push(json_boolean(value));
}
Array &Array::add(Node value) {
	return push(new_copy(value.value_));
}

WipedString Array::dump() const {
	return dumped(root_.get(), 0).get();
}

} // namespace ob::json

#include "core/pure.hpp"
