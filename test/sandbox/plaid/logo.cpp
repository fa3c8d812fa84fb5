#include "logo.hpp"

#include <cstdint>
#include <string_view>

#include "../text.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::uint32_t kSide = 152;

std::string big_endian(std::uint32_t value) {
	std::string out;
	for (const unsigned shift : {24U, 16U, 8U, 0U}) {
		out.push_back(static_cast<char>(static_cast<unsigned char>(value >> shift & 255U)));
	}
	return out;
}

std::uint32_t crc32(std::string_view bytes) {
	std::uint32_t crc = 0xFFFFFFFFU;
	for (const char c : bytes) {
		crc ^= static_cast<unsigned char>(c);
		for (int bit = 0; bit < 8; ++bit) {
			crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
		}
	}
	return ~crc;
}

std::string chunk(std::string_view name, const std::string &data) {
	const std::string body = std::string(name) + data;
	return big_endian(static_cast<std::uint32_t>(data.size())) + body + big_endian(crc32(body));
}

// One stored block of zlib: the image is small and compressing it would need another library.
std::string stored(const std::string &data) {
	std::uint32_t a = 1;
	std::uint32_t b = 0;
	for (const char c : data) {
		a = (a + static_cast<unsigned char>(c)) % 65521;
		b = (b + a) % 65521;
	}
	const auto size = static_cast<unsigned>(data.size());
	std::string out = "\x78\x01\x01";
	for (const unsigned value : {size & 255U, size >> 8U, ~size & 255U, ~size >> 8U & 255U}) {
		out.push_back(static_cast<char>(static_cast<unsigned char>(value)));
	}
	return out + data + big_endian(b << 16U | a);
}

std::string make_png() {
	// A dark disc on white, one bit per pixel.
	std::string rows;
	for (int y = 0; y < static_cast<int>(kSide); ++y) {
		rows.push_back('\0');
		for (int column = 0; column < static_cast<int>(kSide); column += 8) {
			unsigned bits = 0;
			for (int x = column; x < column + 8; ++x) {
				const int dx = x - 76;
				const int dy = y - 76;
				bits = bits << 1U | (dx * dx + dy * dy > 60 * 60 ? 1U : 0U);
			}
			rows.push_back(static_cast<char>(static_cast<unsigned char>(bits)));
		}
	}
	const std::string header = big_endian(kSide) + big_endian(kSide) + std::string("\x01\x00\x00\x00\x00", 5);
	return std::string("\x89PNG\r\n\x1a\n") + chunk("IHDR", header) + chunk("IDAT", stored(rows)) + chunk("IEND", "");
}

} // namespace

const std::string &logo_png_base64() {
	static const std::string logo = base64(make_png());
	return logo;
}

} // namespace ob::sandbox::plaid
