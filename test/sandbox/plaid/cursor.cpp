#include "cursor.hpp"

#include <array>

#include "../text.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::size_t kTagBytes = 12;

void put(std::string &out, std::uint64_t value) {
	while (value >= 128) {
		out.push_back(static_cast<char>(static_cast<unsigned char>(value | 128U)));
		value >>= 7U;
	}
	out.push_back(static_cast<char>(value));
}

bool take(std::string_view &in, std::uint64_t &value) {
	value = 0;
	for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
		const auto byte = static_cast<unsigned char>(in.front());
		in.remove_prefix(1);
		value |= static_cast<std::uint64_t>(byte & 127U) << shift;
		if (byte < 128) {
			return true;
		}
	}
	return false;
}

std::string tag_of(std::string_view plain, std::string_view key) {
	std::string text(key);
	return sha256(text.append(plain)).substr(0, kTagBytes);
}

// Covers the plain bytes with a stream made from key and tag, so that every byte value occurs in the text.
std::string cover(std::string_view bytes, std::string_view tag, std::string_view key) {
	std::string out(bytes);
	std::string stream;
	for (std::size_t i = 0; i < out.size(); ++i) {
		if (i % 32 == 0) {
			std::string block(key);
			stream = sha256(block.append(tag).append(std::to_string(i)));
		}
		out[i] = static_cast<char>(out[i] ^ stream[i % 32]);
	}
	return out;
}

} // namespace

std::string encode_cursor(const Cursor &cursor, std::string_view key) {
	std::string plain;
	for (const std::uint64_t value : {cursor.item, cursor.stream, cursor.base, cursor.position, cursor.end,
	                                  cursor.begun, cursor.serial, std::uint64_t{cursor.resting}}) {
		put(plain, value);
	}
	// Whoever mistreats a sign of base64 shall notice at the first cursor: a tail is varied until all are there.
	if ((kTagBytes + plain.size() + 1) % 3 == 0) {
		plain.push_back('\0');
	}
	plain.push_back('\0');
	for (;; ++plain.back()) {
		const std::string tag = tag_of(plain, key);
		const std::string text = base64(tag + cover(plain, tag, key));
		if (text.find('+') != std::string::npos && text.find('/') != std::string::npos) {
			return text;
		}
	}
}

std::optional<Cursor> decode_cursor(std::string_view text, std::string_view key) {
	const auto bytes = base64_decode(text);
	if (!bytes || bytes->size() <= kTagBytes) {
		return std::nullopt;
	}
	const std::string_view tag = std::string_view(*bytes).substr(0, kTagBytes);
	const std::string plain = cover(std::string_view(*bytes).substr(kTagBytes), tag, key);
	if (tag_of(plain, key) != tag) {
		return std::nullopt;
	}
	Cursor cursor;
	std::uint64_t resting = 0;
	std::string_view in = plain;
	for (std::uint64_t *value : {&cursor.item, &cursor.stream, &cursor.base, &cursor.position, &cursor.end,
	                             &cursor.begun, &cursor.serial, &resting}) {
		if (!take(in, *value)) {
			return std::nullopt;
		}
	}
	cursor.resting = resting != 0;
	return cursor;
}

} // namespace ob::sandbox::plaid
