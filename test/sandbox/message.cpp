#include "message.hpp"

#include <algorithm>
#include <cctype>

namespace ob::sandbox {

bool equal_fold(std::string_view a, std::string_view b) {
	return std::equal(a.begin(), a.end(), b.begin(), b.end(),
	                  [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view Request::header(std::string_view name) const {
	for (const auto &[key, value] : headers) {
		if (equal_fold(key, name)) {
			return value;
		}
	}
	return {};
}

namespace {

int hex_digit(char c) {
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

std::string decode_component(std::string_view text) {
	std::string out;
	for (std::size_t i = 0; i < text.size(); ++i) {
		if (text[i] == '+') {
			out.push_back(' ');
		} else if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
		           hex_digit(text[i + 2]) >= 0) {
			out.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
			i += 2;
		} else {
			out.push_back(text[i]);
		}
	}
	return out;
}

} // namespace

std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text) {
	std::vector<std::pair<std::string, std::string>> out;
	while (!text.empty()) {
		const std::size_t end = text.find('&');
		const std::string_view part = text.substr(0, end);
		const std::size_t equals = part.find('=');
		if (!part.empty()) {
			out.emplace_back(decode_component(part.substr(0, equals)),
			                 equals == std::string_view::npos ? "" : decode_component(part.substr(equals + 1)));
		}
		text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
	}
	return out;
}

std::string percent_encoded(std::string_view text) {
	static constexpr std::string_view kDigits = "0123456789ABCDEF";
	std::string out;
	for (const char c : text) {
		const auto byte = static_cast<unsigned char>(c);
		if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
			out.push_back(c);
		} else {
			out.append({'%', kDigits[byte >> 4U], kDigits[byte & 15U]});
		}
	}
	return out;
}

} // namespace ob::sandbox
