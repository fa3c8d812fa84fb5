#include "core/secret.hpp"

#include <algorithm>
#include <cstring>

#include "core/pure.hpp"

namespace ob {

void wipe(void *data, std::size_t size) noexcept {
	if (size > 0)
		explicit_bzero(data, size);
}

Secret::Secret(WipedString text) {
	if (text.capacity() >= kLeastCapacity || text.empty()) {
		text_ = std::move(text);
		return;
	}
	take(text);
	wipe(text.data(), text.size());
}

Secret &Secret::operator=(const Secret &other) {
	if (this != &other)
		*this = Secret(other);
	return *this;
}

Secret &Secret::operator=(Secret &&other) noexcept {
	// Through a temporary, so that the old text is freed now and not left with `other`.
	WipedString taken = std::move(other.text_);
	text_.swap(taken);
	return *this;
}

void Secret::take(std::string_view text) {
	if (text.empty())
		return;
	text_.reserve(std::max(text.size(), kLeastCapacity));
	text_.append(text);
}

bool operator==(const Secret &a, const Secret &b) noexcept {
	if (a.text_.size() != b.text_.size())
		return false;
	unsigned char difference = 0;
	for (std::size_t i = 0; i < a.text_.size(); ++i)
		difference = static_cast<unsigned char>(difference | (a.text_[i] ^ b.text_[i]));
	// Keeps the compiler from leaving the loop early.
	asm volatile("" : "+r"(difference));
	return difference == 0;
}

} // namespace ob

#include "core/pure.hpp"
