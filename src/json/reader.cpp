#include "json/reader.hpp"

#include <charconv>
#include <new>

#include <simdjson.h>

#include "core/error.hpp"
#include "json/escapes.hpp"
#include "json/failure.hpp"

#include "core/pure.hpp"

// simdjson's first stage checks UTF-8 and strings and lists where tokens begin: brackets, colons, commas, opening
// quotes, first bytes of anything else. Whatever stands between two listed places belongs to the first token. The walk
// over the list is ours, because simdjson's own (on demand) checks nothing that it skips.

namespace ob::json {
namespace {

bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

/// Whether all of `text` is a JSON number (RFC 8259, section 6).
bool is_number(std::string_view text) {
	const char *p = text.data();
	const char *const end = p + text.size();
	const auto digits = [&] {
		const char *begin = p;
		while (p != end && is_digit(*p))
			++p;
		return p - begin;
	};
	if (p != end && *p == '-')
		++p;
	const bool zero = p != end && *p == '0';
	const auto whole = digits();
	if (whole == 0 || (zero && whole > 1))
		return false;
	if (p != end && *p == '.') {
		++p;
		if (digits() == 0)
			return false;
	}
	if (p != end && (*p == 'e' || *p == 'E')) {
		++p;
		if (p != end && (*p == '+' || *p == '-'))
			++p;
		if (digits() == 0)
			return false;
	}
	return p == end;
}

} // namespace

// ---- Reader ----

struct Reader::Tokens {
	std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

Reader::Reader(Body &body)
    : body_(body), tokens_(std::make_unique<Tokens>()), data_(body.bytes_.data()), has_escapes_(body.has_escapes_) {
	// The depth limits simdjson's second stage only, which is not used.
	simdjson::error_code error =
	    simdjson::get_active_implementation()->create_dom_parser_implementation(body.size_, 1, tokens_->parser);
	if (error == simdjson::SUCCESS)
		error = tokens_->parser->stage1(reinterpret_cast<const std::uint8_t *>(data_), body.size_,
		                                simdjson::stage1_mode::regular);
	switch (error) {
	case simdjson::SUCCESS:
		break;
	case simdjson::MEMALLOC:
		throw std::bad_alloc();
	case simdjson::EMPTY:
		not_json("it is empty");
	case simdjson::UTF8_ERROR:
		not_json("it is not UTF-8");
	case simdjson::UNCLOSED_STRING:
		not_json("a string has no end");
	case simdjson::UNESCAPED_CHARS:
		not_json("a string holds control characters");
	default:
		not_json("it has no tokens");
	}
	count_ = tokens_->parser->n_structural_indexes;
	// The list has room behind its end; the padding's NUL stands for "no more tokens".
	tokens_->parser->structural_indexes[count_] = static_cast<std::uint32_t>(body.size_);
	index_ = tokens_->parser->structural_indexes.get();
}

Reader::~Reader() = default;

void Reader::finish() {
	if (done_ != 0)
		root().skip();
	if (pos_ != count_)
		fail(pos_, "something follows the end of the document");
}

void Reader::fail(std::uint32_t token, const char *what) const {
	not_json(index_[token], body_.size_, what);
}

void Reader::wrong_type(std::uint32_t token, const char *expected) const {
	check_start(token);
	throw Error(ErrorCode::bad_reply, "the answer holds a value of another type than expected",
	            "at byte " + std::to_string(index_[token]) + " of " + std::to_string(body_.size_) + ": " + expected +
	                " was expected");
}

std::string_view Reader::number_at(std::uint32_t token) const {
	const std::string_view number = token_at(token);
	if (!is_number(number))
		fail(token, "a number is malformed");
	return number;
}

void Reader::check_start(std::uint32_t token) const {
	switch (at(token)) {
	case '{':
	case '[':
	case '"':
	case 't':
	case 'f':
	case 'n':
	case '-':
		return;
	default:
		if (!is_digit(at(token)))
			fail(token, "a value was expected");
	}
}

void Reader::check_scalar(std::uint32_t token) const {
	const std::string_view scalar = token_at(token);
	switch (at(token)) {
	case 't':
		if (scalar == "true")
			return;
		break;
	case 'f':
		if (scalar == "false")
			return;
		break;
	case 'n':
		if (scalar == "null")
			return;
		break;
	default:
		check_start(token);
		number_at(token);
		return;
	}
	fail(token, "a literal is malformed");
}

void Reader::skip() {
	const auto skip_key = [this] {
		if (at(pos_) != '"')
			fail(pos_, "a key was expected");
		if (at(pos_ + 1) != ':')
			fail(pos_ + 1, "a colon was expected");
		pos_ += 2;
	};
	switch (at(pos_)) {
	case '"':
		++pos_;
		return;
	case '{':
		enter(pos_++);
		if (at(pos_) == '}') {
			++pos_;
		} else {
			do {
				skip_key();
				skip();
			} while (more('}'));
		}
		--depth_;
		return;
	case '[':
		enter(pos_++);
		if (at(pos_) == ']') {
			++pos_;
		} else {
			do
				skip();
			while (more(']'));
		}
		--depth_;
		return;
	default:
		check_scalar(pos_++);
	}
}

std::string_view Reader::unescaped(std::string_view inside) {
	char *const out = body_.allocate(inside.size());
	return {out, unescape(out, inside)};
}

// ---- Value ----

Kind Value::kind() const {
	switch (reader_->at(token_)) {
	case '{':
		return Kind::object;
	case '[':
		return Kind::array;
	case '"':
		return Kind::text;
	case 't':
	case 'f':
		return Kind::boolean;
	case 'n':
		return Kind::null;
	default:
		reader_->check_start(token_);
		return Kind::number;
	}
}

std::string_view Value::number() {
	if (kind() != Kind::number)
		reader_->wrong_type(token_, "a number");
	const std::string_view result = reader_->number_at(token_);
	done(token_ + 1);
	return result;
}

bool Value::boolean() {
	if (kind() != Kind::boolean)
		reader_->wrong_type(token_, "true or false");
	reader_->check_scalar(token_);
	done(token_ + 1);
	return reader_->at(token_) == 't';
}

std::int64_t Value::integer() {
	const std::string_view digits = number();
	std::int64_t result = 0;
	const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
	if (error != std::errc{} || end != digits.data() + digits.size())
		reader_->wrong_type(token_, "an integer of 64 bits");
	return result;
}

std::string_view Value::text_or_number() {
	switch (kind()) {
	case Kind::text:
		return text();
	case Kind::number:
		return number();
	case Kind::null:
		take_null();
		return {};
	default:
		reader_->wrong_type(token_, "a text or a number");
	}
}

std::string_view Value::raw() {
	Reader &r = *reader_;
	r.done_ = Reader::kNone;
	r.pos_ = token_;
	r.depth_ = depth_;
	r.skip();
	done(r.pos_);
	const char *const begin = r.data_ + r.index_[token_];
	const std::string_view last = r.token_at(r.pos_ - 1);
	return {begin, static_cast<std::size_t>(last.data() + last.size() - begin)};
}

} // namespace ob::json

#include "core/pure.hpp"
