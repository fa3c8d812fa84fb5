// Reading JSON: an owner for jansson's tree, and an object whose values keep their own text (an amount's digits).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <jansson.h>

namespace ob::sandbox {

/// Owns one reference to a jansson value. An empty Json answers every question with "no".
class Json {
public:
	Json() = default;
	explicit Json(json_t *owned) : value_(owned) {}
	Json(const Json &other) : value_(json_incref(other.value_)) {}
	Json(Json &&other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
	Json &operator=(Json other) noexcept {
		std::swap(value_, other.value_);
		return *this;
	}
	~Json() { json_decref(value_); }

	/// Empty if the text is no JSON, has a key twice, or has anything after the value.
	[[nodiscard]] static Json parse(std::string_view text);
	/// As parse(), but any length of integer is taken (and read as a double).
	[[nodiscard]] static Json parse_lenient(std::string_view text);

	[[nodiscard]] bool exists() const { return value_ != nullptr; }
	[[nodiscard]] bool is_object() const { return json_is_object(value_); }
	[[nodiscard]] bool is_array() const { return json_is_array(value_); }
	[[nodiscard]] bool is_string() const { return json_is_string(value_); }
	[[nodiscard]] bool is_integer() const { return json_is_integer(value_); }
	[[nodiscard]] bool is_number() const { return json_is_number(value_); }
	[[nodiscard]] bool is_boolean() const { return json_is_boolean(value_); }
	[[nodiscard]] bool is_null() const { return json_is_null(value_); }

	/// Member of an object; empty if absent or if this is no object.
	[[nodiscard]] Json get(const char *key) const { return Json{json_incref(json_object_get(value_, key))}; }
	[[nodiscard]] Json get(const std::string &key) const { return get(key.c_str()); }
	[[nodiscard]] bool has(const char *key) const { return json_object_get(value_, key) != nullptr; }

	[[nodiscard]] std::vector<std::pair<std::string, Json>> members() const;
	[[nodiscard]] std::vector<Json> elements() const;

	/// Text of a string; empty for everything else.
	[[nodiscard]] std::string text() const;
	[[nodiscard]] std::string text_of(const char *key) const { return get(key).text(); }
	/// Integers, and reals without a fraction; otherwise `otherwise`.
	[[nodiscard]] std::int64_t integer(std::int64_t otherwise = 0) const;
	[[nodiscard]] std::int64_t integer_of(const char *key, std::int64_t otherwise = 0) const {
		return get(key).integer(otherwise);
	}
	[[nodiscard]] bool truth(bool otherwise = false) const { return is_boolean() ? json_is_true(value_) : otherwise; }
	[[nodiscard]] bool truth_of(const char *key, bool otherwise = false) const { return get(key).truth(otherwise); }
	/// Texts of the strings in an array, others left out.
	[[nodiscard]] std::vector<std::string> texts() const;

	/// Compact JSON text.
	[[nodiscard]] std::string dump() const { return write(JSON_COMPACT); }
	/// Text over several lines, keys in alphabetical order.
	[[nodiscard]] std::string dump_sorted(unsigned indent) const { return write(JSON_INDENT(indent) | JSON_SORT_KEYS); }

private:
	[[nodiscard]] std::string write(std::size_t flags) const;

	json_t *value_ = nullptr;
};

/// A JSON object whose values are kept as their own text, in order. Numbers therefore never change their digits.
class RawObject {
public:
	RawObject() = default;

	/// `text` must be an object that a parser has already accepted; otherwise nothing.
	[[nodiscard]] static std::optional<RawObject> parse(std::string_view text);

	[[nodiscard]] std::optional<std::string> get(std::string_view key) const;
	/// Text of a string member, decoded; empty if absent or of another type.
	[[nodiscard]] std::string text_of(std::string_view key) const;
	/// Replaces the value in its place or appends it. `json` must be a JSON value.
	void set(std::string_view key, std::string_view json);
	void erase(std::string_view key);
	/// set() of every member of `other`.
	void merge(const RawObject &other);
	[[nodiscard]] const std::vector<std::pair<std::string, std::string>> &members() const { return members_; }
	[[nodiscard]] std::string dump() const;

private:
	std::vector<std::pair<std::string, std::string>> members_;
};

/// Text of a member of an object that a parser has already accepted; empty if there is none. Reads no further than the
/// member, and keys with escapes are not found.
[[nodiscard]] std::string_view raw_member(std::string_view object, std::string_view key);
/// What a JSON string means.
[[nodiscard]] std::string decode_string(std::string_view json);

/// The texts of the elements of an array that a parser has already accepted.
[[nodiscard]] std::vector<std::string> raw_elements(std::string_view text);

} // namespace ob::sandbox
