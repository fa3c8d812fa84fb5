// Reading big JSON answers in one pass, without a tree: simdjson finds the tokens, this walks them. C++ regime.
//
// Everything is validated, also what is skipped: UTF-8, strings, escapes, numbers, structure, depth, nothing after the
// root. A failure is Error(bad_reply) whose detail says at which byte, never what stood there.
//
//	auto body = std::make_unique<json::Body>(std::move(response.body));
//	json::Reader reader(*body);
//	reader.root().object([&](std::string_view key, json::Value value) {
//		if (key == "added")
//			value.array([&](json::Value item) { rows.push_back(read_transaction(item)); });
//		else if (key == "has_more")
//			has_more = value.boolean();
//	});
//	reader.finish();
//	page.memory = std::move(body);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "json/body.hpp"

#include "core/pure.hpp"

namespace ob::json {

/// Deepest nesting of objects and arrays that is read; answers of providers have less than ten levels.
inline constexpr std::uint32_t kMaxDepth = 64;

enum class Kind { object, array, text, number, boolean, null };

class Value;

/// The tokens of one body. Values refer to it; it is needed only while reading, the body as long as the views.
class Reader {
public:
	/// Throws Error(bad_reply) for an empty body, an unclosed string or control characters in one.
	explicit Reader(Body &body);
	~Reader();
	Reader(const Reader &) = delete;
	Reader &operator=(const Reader &) = delete;

	Value root() noexcept;
	/// Makes sure that the document is well-formed to its last byte. Call it after the root was read.
	void finish();

private:
	friend class Value;
	static constexpr std::uint32_t kNone = UINT32_MAX;

	static bool is_blank(char c) noexcept {
		return static_cast<unsigned char>(c) <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
	}
	// First byte of a token; behind the last token the padding's NUL, which begins no value.
	char at(std::uint32_t token) const noexcept { return data_[index_[token]]; }
	// From its first byte to before the blanks in front of the next token.
	std::string_view token_at(std::uint32_t token) const noexcept {
		const char *end = data_ + index_[token + 1];
		while (is_blank(end[-1]))
			--end;
		const char *const begin = data_ + index_[token];
		return {begin, static_cast<std::size_t>(end - begin)};
	}
	// Without the quotes, escapes as they are.
	std::string_view string_at(std::uint32_t token) const {
		const std::string_view quoted = token_at(token);
		if (quoted.size() < 2 || quoted.back() != '"')
			fail(token, "a string has no end");
		return quoted.substr(1, quoted.size() - 2);
	}
	std::string_view text_at(std::uint32_t token) {
		const std::string_view inside = string_at(token);
		if (has_escapes_ && inside.find('\\') != std::string_view::npos)
			return unescaped(inside);
		return inside;
	}
	std::string_view number_at(std::uint32_t token) const;
	std::string_view between(std::uint32_t first, std::uint32_t last) const noexcept {
		return {data_ + index_[first], index_[last] + 1 - index_[first]};
	}
	void enter(std::uint32_t token) {
		if (++depth_ > kMaxDepth)
			fail(token, "nested too deeply");
	}
	// Reads a key and its colon.
	std::string_view key() {
		const std::uint32_t token = pos_;
		if (at(token) != '"')
			fail(token, "a key was expected");
		if (at(token + 1) != ':')
			fail(token + 1, "a colon was expected");
		pos_ = token + 2;
		return text_at(token);
	}
	// After a member or element: true if another follows, false at `close`.
	bool more(char close) {
		const char c = at(pos_++);
		if (c == ',')
			return true;
		if (c != close)
			fail(pos_ - 1, "a comma or the closing bracket was expected");
		return false;
	}

	// Validates the value that begins at `pos_` and goes behind it.
	void skip();
	void check_start(std::uint32_t token) const;
	void check_scalar(std::uint32_t token) const;
	std::string_view unescaped(std::string_view inside);
	[[noreturn]] void fail(std::uint32_t token, const char *what) const;
	[[noreturn]] void wrong_type(std::uint32_t token, const char *expected) const;

	struct Tokens;
	Body &body_;
	std::unique_ptr<Tokens> tokens_;
	const char *data_;
	const std::uint32_t *index_;
	std::uint32_t count_;
	std::uint32_t pos_ = 0;
	std::uint32_t depth_ = 0;
	std::uint32_t done_ = kNone; // the value that was read to its end last
	bool has_escapes_;
};

/// One value. Read it or leave it: what a callback does not read, or reads only in part because an exception was caught
/// in it, is skipped and validated. It may be read again, and kept for later, while the Reader lives. Texts and raw
/// pieces are views that live as long as the Body. A getter for another type throws Error(bad_reply).
///
/// Of duplicate keys each is handed out, in order: a reader that assigns keeps the last, as jsonb does.
class Value {
public:
	Kind kind() const;
	bool is_null() const { return kind() == Kind::null; }

	/// Unescaped.
	std::string_view text() {
		if (reader_->at(token_) != '"')
			reader_->wrong_type(token_, "a text");
		const std::string_view result = reader_->text_at(token_);
		done(token_ + 1);
		return result;
	}
	/// The number's own characters, following JSON's grammar.
	std::string_view number();
	bool boolean();
	/// Throws for fractions, exponents and what 64 bits do not hold.
	std::int64_t integer();

	/// null is empty, so that absent, null and "" are alike.
	std::string_view text_or_empty() { return take_null() ? std::string_view{} : text(); }
	std::string_view number_or_empty() { return take_null() ? std::string_view{} : number(); }
	bool boolean_or(bool otherwise) { return take_null() ? otherwise : boolean(); }
	std::optional<std::int64_t> integer_or_null() {
		return take_null() ? std::nullopt : std::optional<std::int64_t>(integer());
	}
	/// For values that come as text or as number, such as ids: unescaped text or the number's characters; null is
	/// empty.
	std::string_view text_or_number();

	/// Calls `on_field(std::string_view key, Value value)` for each member. Returns the object's own text.
	template <class F>
	std::string_view object(F &&on_field);
	/// Calls `on_item(Value item)` for each element. Returns the array's own text.
	template <class F>
	std::string_view array(F &&on_item);
	/// As above; null does nothing and returns an empty view.
	template <class F>
	std::string_view object_or_null(F &&on_field) {
		return take_null() ? std::string_view{} : object(on_field);
	}
	template <class F>
	std::string_view array_or_null(F &&on_item) {
		return take_null() ? std::string_view{} : array(on_item);
	}

	/// The value's own text, validated.
	std::string_view raw();
	void skip() { raw(); }

private:
	friend class Reader;
	Value(Reader &reader, std::uint32_t token, std::uint32_t depth) noexcept
	    : reader_(&reader), token_(token), depth_(depth) {}

	// Reads a null, and nothing else.
	bool take_null() {
		if (reader_->at(token_) != 'n')
			return false;
		reader_->check_scalar(token_);
		done(token_ + 1);
		return true;
	}
	void done(std::uint32_t next) noexcept {
		reader_->pos_ = next;
		reader_->depth_ = depth_;
		reader_->done_ = token_;
	}
	// After a callback: goes behind this value if the callback did not.
	void leave() {
		if (reader_->done_ != token_)
			raw();
	}

	Reader *reader_;
	std::uint32_t token_;
	std::uint32_t depth_;
};

inline Value Reader::root() noexcept {
	return Value(*this, 0, 0);
}

template <class F>
std::string_view Value::object(F &&on_field) {
	Reader &r = *reader_;
	if (r.at(token_) != '{')
		r.wrong_type(token_, "an object");
	r.done_ = Reader::kNone;
	r.depth_ = depth_;
	r.enter(token_);
	r.pos_ = token_ + 1;
	if (r.at(r.pos_) == '}') {
		++r.pos_;
	} else {
		do {
			const std::string_view key = r.key();
			Value value(r, r.pos_, depth_ + 1);
			on_field(key, value);
			value.leave();
		} while (r.more('}'));
	}
	done(r.pos_);
	return r.between(token_, r.pos_ - 1);
}

template <class F>
std::string_view Value::array(F &&on_item) {
	Reader &r = *reader_;
	if (r.at(token_) != '[')
		r.wrong_type(token_, "an array");
	r.done_ = Reader::kNone;
	r.depth_ = depth_;
	r.enter(token_);
	r.pos_ = token_ + 1;
	if (r.at(r.pos_) == ']') {
		++r.pos_;
	} else {
		do {
			Value item(r, r.pos_, depth_ + 1);
			on_item(item);
			item.leave();
		} while (r.more(']'));
	}
	done(r.pos_);
	return r.between(token_, r.pos_ - 1);
}

} // namespace ob::json

#include "core/pure.hpp"
