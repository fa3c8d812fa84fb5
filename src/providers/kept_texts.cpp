// C++ regime.
#include "providers/kept_texts.hpp"

#include "core/text.hpp"

#include "core/pure.hpp"

namespace ob::providers {

std::string kept_name(std::string_view sent) {
	return text::cut_pans(std::string(sent));
}

std::string kept_mask(std::string_view sent) {
	// What is longer would be more of the number than a mask shows.
	constexpr int kShown = 4;
	std::size_t begin = sent.size();
	for (int shown = 0; begin > 0 && shown < kShown;) {
		--begin;
		const bool inside_character = (static_cast<unsigned char>(sent[begin]) & 0xC0) == 0x80; // of UTF-8
		shown += !inside_character;
	}
	return std::string(sent.substr(begin));
}

} // namespace ob::providers

#include "core/pure.hpp"
