#include "json/escapes.hpp"

#include <cstring>

#include "json/failure.hpp"

#include "core/pure.hpp"

namespace ob::json {
namespace {

int hex_digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/// The four hexadecimal digits at `p`; -1 if one is none.
int code_unit(const char *p) {
	int value = 0;
	for (int i = 0; i < 4; ++i) {
		const int digit = hex_digit(p[i]);
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

bool is_high_surrogate(int unit) {
	return unit >= 0xD800 && unit <= 0xDBFF;
}
bool is_low_surrogate(int unit) {
	return unit >= 0xDC00 && unit <= 0xDFFF;
}

/// The length of \uXXXX or of a pair of them at `p`, rewritten if it stands for what no text may hold.
std::size_t fix_unicode_escape(char *p, char *bytes, std::size_t size) {
	const auto left = static_cast<std::size_t>(bytes + size - p);
	const int unit = left >= 6 ? code_unit(p + 2) : -1;
	if (unit < 0)
		not_json(static_cast<std::size_t>(p - bytes), size, "an escape is broken");
	if (is_high_surrogate(unit) && left >= 12 && p[6] == '\\' && p[7] == 'u' && is_low_surrogate(code_unit(p + 8)))
		return 12;
	if (unit == 0 || is_high_surrogate(unit) || is_low_surrogate(unit))
		std::memcpy(p, "\\ufffd", 6);
	return 6;
}

char *put_utf8(char *out, int code) {
	const auto put = [&](int byte) { *out++ = static_cast<char>(byte); };
	if (code < 0x80) {
		put(code);
	} else if (code < 0x800) {
		put(0xC0 | code >> 6);
		put(0x80 | (code & 0x3F));
	} else if (code < 0x10000) {
		put(0xE0 | code >> 12);
		put(0x80 | (code >> 6 & 0x3F));
		put(0x80 | (code & 0x3F));
	} else {
		put(0xF0 | code >> 18);
		put(0x80 | (code >> 12 & 0x3F));
		put(0x80 | (code >> 6 & 0x3F));
		put(0x80 | (code & 0x3F));
	}
	return out;
}

} // namespace

bool fix_escapes(char *bytes, std::size_t size) {
	// Backslashes pair up from left to right: in steps of whole escapes it is never in doubt which one escapes.
	bool any = false;
	char *const end = bytes + size;
	for (char *p = bytes; p != end;) {
		p = static_cast<char *>(std::memchr(p, '\\', static_cast<std::size_t>(end - p)));
		if (!p)
			break;
		any = true;
		switch (p + 1 == end ? '\0' : p[1]) {
		case '"':
		case '\\':
		case '/':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 't':
			p += 2;
			break;
		case 'u':
			p += fix_unicode_escape(p, bytes, size);
			break;
		default:
			not_json(static_cast<std::size_t>(p - bytes), size, "an escape is broken");
		}
	}
	return any;
}

std::size_t unescape(char *out, std::string_view inside) noexcept {
	const char *const begin = out;
	const char *p = inside.data();
	const char *const end = p + inside.size();
	while (p != end) {
		const void *found = std::memchr(p, '\\', static_cast<std::size_t>(end - p));
		const char *const escape = found ? static_cast<const char *>(found) : end;
		std::memcpy(out, p, static_cast<std::size_t>(escape - p));
		out += escape - p;
		if (escape == end)
			break;
		p = escape + 2;
		switch (escape[1]) {
		case 'b':
			*out++ = '\b';
			break;
		case 'f':
			*out++ = '\f';
			break;
		case 'n':
			*out++ = '\n';
			break;
		case 'r':
			*out++ = '\r';
			break;
		case 't':
			*out++ = '\t';
			break;
		case 'u': {
			int code = code_unit(p);
			p += 4;
			if (is_high_surrogate(code)) {
				code = 0x10000 + ((code - 0xD800) << 10) + (code_unit(p + 2) - 0xDC00);
				p += 6;
			}
			out = put_utf8(out, code);
			break;
		}
		default:
			*out++ = escape[1];
		}
	}
	return static_cast<std::size_t>(out - begin);
}

} // namespace ob::json

#include "core/pure.hpp"
