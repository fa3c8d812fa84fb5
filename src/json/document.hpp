// JSON documents over jansson: requests, keys, small answers. Pages of transactions go through json/reader.hpp. C++
// regime.
//
// Numbers are read as integers only: jansson turns reals into doubles, so money must never be read here. All memory
// that jansson frees on our behalf is wiped first, because these documents carry tokens.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/secret.hpp"

#include "core/pure.hpp"

struct json_t;

namespace ob::json {

namespace detail {

struct Release {
	void operator()(json_t *value) const noexcept;
};
using Owned = std::unique_ptr<json_t, Release>;

} // namespace detail

/// A value inside a Document, Object or Array, which must outlive it. An absent value answers every question with
/// "nothing", so chains such as get("a").get("b").text() need no checks. JSON null counts as absent in all but kind.
class Node {
public:
	Node() = default;
	explicit Node(const json_t *value) noexcept : value_(value) {}

	/// There is a value, and it is not null.
	bool exists() const noexcept;
	bool is_object() const noexcept;
	bool is_array() const noexcept;
	bool is_text() const noexcept;
	bool is_integer() const noexcept;
	bool is_boolean() const noexcept;

	/// Member of an object; absent if there is none or this is no object.
	Node get(std::string_view key) const noexcept;
	/// A member that is not null.
	bool has(std::string_view key) const noexcept { return get(key).exists(); }

	/// Empty if this is no string.
	std::string_view text() const noexcept;
	/// Nothing if this is no integer; a real is none, even 1.0.
	std::optional<std::int64_t> integer() const noexcept;
	std::optional<bool> boolean() const noexcept;

	std::string_view text(std::string_view key) const noexcept { return get(key).text(); }
	std::optional<std::int64_t> integer(std::string_view key) const noexcept { return get(key).integer(); }
	std::optional<bool> boolean(std::string_view key) const noexcept { return get(key).boolean(); }

	/// Number of elements or members.
	std::size_t size() const noexcept;
	/// Elements of an array; empty if this is none.
	std::vector<Node> items() const;
	/// Members of an object in the order they were read; empty if this is none.
	std::vector<std::pair<std::string_view, Node>> members() const;

	/// Compact text with sorted keys, equal for equal documents; "null" for an absent value.
	std::string canonical_dump() const;

private:
	friend class Object;
	friend class Array;
	const json_t *value_ = nullptr;
};

struct ParseLimits {
	std::size_t max_bytes = std::size_t{4} << 20; // far above any token, key set or error answer
	int max_depth = 64;
	ErrorCode error = ErrorCode::bad_reply; // what a failure is: an answer, or an argument of the caller
};

/// A parsed text. Move only.
class Document {
public:
	/// Any JSON value. Escapes of NUL and lone surrogates are read as U+FFFD. Refuses duplicate keys, trailing text,
	/// integers beyond 64 bits, invalid UTF-8. Throws Error(limits.error), never with content.
	static Document parse(std::string_view text, const ParseLimits &limits = {});

	Node root() const noexcept { return Node(root_.get()); }

	bool is_object() const noexcept { return root().is_object(); }
	Node get(std::string_view key) const noexcept { return root().get(key); }
	bool has(std::string_view key) const noexcept { return root().has(key); }
	std::string_view text(std::string_view key) const noexcept { return root().text(key); }
	std::optional<std::int64_t> integer(std::string_view key) const noexcept { return root().integer(key); }
	std::optional<bool> boolean(std::string_view key) const noexcept { return root().boolean(key); }
	std::vector<Node> items() const { return root().items(); }
	std::string canonical_dump() const { return root().canonical_dump(); }

private:
	explicit Document(detail::Owned root) noexcept : root_(std::move(root)) {}
	detail::Owned root_;
};

class Array;

/// An object being built. Move only. Setting a key again replaces it. Text must be UTF-8: otherwise
/// Error(invalid_argument).
class Object {
public:
	Object();

	Object &set(std::string_view key, std::string_view text);
	Object &set(std::string_view key, const char *text) { return set(key, std::string_view(text)); }
	Object &set(std::string_view key, const std::string &text) { return set(key, std::string_view(text)); }
	template <std::integral T>
	Object &set(std::string_view key, T value) {
		if constexpr (std::same_as<T, bool>)
			return set_boolean(key, value);
		else
			return set_integer(key, static_cast<std::int64_t>(value));
	}
	/// Copies: the parts of a request are small.
	Object &set(std::string_view key, const Object &value) { return set(key, value.root()); }
	Object &set(std::string_view key, const Array &value);
	/// A deep copy; null if `value` is absent.
	Object &set(std::string_view key, Node value);
	Object &set_secret(std::string_view key, const Secret &value);
	Object &set_null(std::string_view key);
	/// Not set at all if empty: for optional fields of a request.
	Object &set_if(std::string_view key, std::string_view text) { return text.empty() ? *this : set(key, text); }

	bool empty() const noexcept { return root().size() == 0; }
	Node root() const noexcept { return Node(root_.get()); }
	/// Compact text in the order of setting, for a request body.
	WipedString dump() const;
	std::string canonical_dump() const { return root().canonical_dump(); }

private:
	Object &put(std::string_view key, json_t *owned);
	Object &set_integer(std::string_view key, std::int64_t value);
	Object &set_boolean(std::string_view key, bool value);
	detail::Owned root_;
};

/// An array being built. Move only.
class Array {
public:
	Array();

	Array &add(std::string_view text);
	Array &add(const char *text) { return add(std::string_view(text)); }
	Array &add(const std::string &text) { return add(std::string_view(text)); }
	template <std::integral T>
	Array &add(T value) {
		if constexpr (std::same_as<T, bool>)
			return add_boolean(value);
		else
			return add_integer(static_cast<std::int64_t>(value));
	}
	Array &add(const Object &value) { return add(value.root()); }
	Array &add(const Array &value) { return add(value.root()); }
	Array &add(Node value);

	bool empty() const noexcept { return root().size() == 0; }
	Node root() const noexcept { return Node(root_.get()); }
	WipedString dump() const;
	std::string canonical_dump() const { return root().canonical_dump(); }

private:
	Array &push(json_t *owned);
	Array &add_integer(std::int64_t value);
	Array &add_boolean(bool value);
	detail::Owned root_;
};

inline Object &Object::set(std::string_view key, const Array &value) {
	return set(key, value.root());
}

} // namespace ob::json

#include "core/pure.hpp"
