#include "crypto/base64.hpp"

#include <array>
#include <cstdint>
#include <utility>

#include "core/pure.hpp"

namespace ob::crypto {
namespace {

struct Alphabet {
	std::string_view letters;
	std::array<std::int8_t, 256> values;
	bool padded;
};

constexpr Alphabet make_alphabet(std::string_view letters, bool padded) {
	Alphabet alphabet{letters, {}, padded};
	alphabet.values.fill(-1);
	for (std::size_t i = 0; i < letters.size(); ++i)
		alphabet.values[static_cast<unsigned char>(letters[i])] = static_cast<std::int8_t>(i);
	return alphabet;
}

constexpr Alphabet kPlain = make_alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
constexpr Alphabet kUrl = make_alphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);

template <class Text>
Text encode(std::string_view bytes, const Alphabet &alphabet) {
	Text out;
	out.reserve((bytes.size() + 2) / 3 * 4);
	for (std::size_t i = 0; i < bytes.size(); i += 3) {
		const std::size_t left = bytes.size() - i;
		const auto byte = [&](std::size_t k) -> std::uint32_t {
			return k < left ? static_cast<unsigned char>(bytes[i + k]) : 0;
		};
		const std::uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
		for (std::size_t k = 0; k < 4; ++k) {
			if (k <= left)
				out += alphabet.letters[group >> (18 - 6 * k) & 63];
			else if (alphabet.padded)
				out += '=';
		}
	}
	return out;
}

template <class Text>
std::optional<Text> decode(std::string_view text, const Alphabet &alphabet) {
	if (alphabet.padded) {
		if (text.size() % 4 != 0)
			return std::nullopt;
		for (int i = 0; i < 2 && text.ends_with('='); ++i)
			text.remove_suffix(1);
	}
	if (text.size() % 4 == 1)
		return std::nullopt;
	Text out;
	out.reserve(text.size() / 4 * 3 + 2);
	std::uint32_t bits = 0;
	int count = 0;
	for (char c : text) {
		const int value = alphabet.values[static_cast<unsigned char>(c)];
		if (value < 0)
			return std::nullopt;
		bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFFF;
		count += 6;
		if (count >= 8) {
			count -= 8;
			out += static_cast<char>(bits >> count & 0xFF);
		}
	}
	// The unused bits of the last letter: else one value would have several texts.
	if ((bits & ((1u << count) - 1)) != 0)
		return std::nullopt;
	return out;
}

} // namespace

std::string base64_encode(std::string_view bytes) {
	return encode<std::string>(bytes, kPlain);
}
std::optional<std::string> base64_decode(std::string_view text) {
	return decode<std::string>(text, kPlain);
}
std::string base64url_encode(std::string_view bytes) {
	return encode<std::string>(bytes, kUrl);
}
std::optional<std::string> base64url_decode(std::string_view text) {
	return decode<std::string>(text, kUrl);
}

std::optional<Secret> base64_decode_secret(std::string_view text) {
	std::optional<WipedString> bytes = decode<WipedString>(text, kPlain);
	if (!bytes)
		return std::nullopt;
	return Secret(std::move(*bytes));
}

Secret base64url_encode_secret(std::string_view bytes) {
	return Secret(encode<WipedString>(bytes, kUrl));
}

} // namespace ob::crypto

#include "core/pure.hpp"
