#include "world.hpp"

#include <algorithm>

namespace ob::sandbox {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

Time real_now() {
	return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

} // namespace

Time SimClock::now() const {
	return frozen_ ? *frozen_ : real_now() + shift_;
}

void SimClock::set(Time time, bool frozen) {
	if (frozen) {
		frozen_ = time;
	} else {
		frozen_.reset();
	}
	shift_ = time - real_now();
}

void SimClock::advance(std::chrono::nanoseconds by) {
	shift_ += by;
	if (frozen_) {
		*frozen_ += by;
	}
}

void SimClock::reset() {
	*this = SimClock{};
}

std::string Ids::alphanumeric(std::size_t length) {
	std::string out;
	out.reserve(length);
	for (std::size_t i = 0; i < length; ++i) {
		out.push_back(kAlphabet[number(kAlphabet.size())]);
	}
	return out;
}

std::string Ids::uuid() {
	std::string bytes;
	for (int i = 0; i < 16; ++i) {
		bytes.push_back(static_cast<char>(number(256)));
	}
	bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0FU) | 0x40U);
	bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3FU) | 0x80U);
	const std::string digits = hex(bytes);
	return digits.substr(0, 8) + "-" + digits.substr(8, 4) + "-" + digits.substr(12, 4) + "-" + digits.substr(16, 4) +
	       "-" + digits.substr(20);
}

World::World(std::uint64_t seed) : ids(seed) {
	cursor_key = ids.alphanumeric(32);
	reset();
}

const Client *World::find_client(std::string_view client_id, std::string_view secret) const {
	const auto found = std::find_if(clients.begin(), clients.end(), [&](const Client &client) {
		return client.client_id == client_id && client.secret == secret;
	});
	return found == clients.end() ? nullptr : &*found;
}

void World::reset() {
	clock.reset();
	config = Config{};
	webhooks.clear();
	clients = {{"sandbox-client", "sandbox-secret"}};
}

} // namespace ob::sandbox
