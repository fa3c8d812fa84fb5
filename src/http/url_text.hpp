// Texts as parts of URLs and of forms. C++ regime.
#pragma once

#include <string>
#include <string_view>

#include "core/pure.hpp"

namespace ob::http {

/// Appends `text`, all but letters, digits and -._~ as %XX (RFC 3986, 2.1).
template <class String>
void append_encoded(String &out, std::string_view text) {
	constexpr std::string_view kDigits = "0123456789ABCDEF";
	for (const char c : text) {
		const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		                   c == '.' || c == '_' || c == '~';
		if (plain) {
			out.push_back(c);
			continue;
		}
		const auto byte = static_cast<unsigned char>(c);
		out.push_back('%');
		out.push_back(kDigits[byte >> 4]);
		out.push_back(kDigits[byte & 15]);
	}
}

inline std::string encoded(std::string_view text) {
	std::string out;
	append_encoded(out, text);
	return out;
}

/// Appends name=value to a query or a form, behind a & unless it is the first.
template <class String>
void append_parameter(String &out, std::string_view name, std::string_view value) {
	if (!out.empty())
		out.push_back('&');
	append_encoded(out, name);
	out.push_back('=');
	append_encoded(out, value);
}

} // namespace ob::http

#include "core/pure.hpp"
