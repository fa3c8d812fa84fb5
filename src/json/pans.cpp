#include "json/pans.hpp"

#include <algorithm>
#include <utility>

#include "core/text.hpp"
#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::json {
namespace {

bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

/// Keys whose values are ids: a provider's id may happen to look like a card number, and must stay to be found again.
bool names_id(std::string_view key) {
	return key == "id" || key.ends_with("_id") || key.ends_with("Id") || key.ends_with("ID");
}

bool names_account_number(std::string_view key) {
	return key.ends_with("iban") || key == "bban" || key == "account" || key == "account_number" || key == "number";
}

enum class Cut { pans, all_numbers };

/// Copies JSON and cuts on the way.
class Cutter {
public:
	Cutter(std::string_view json, Cut cut) : json_(json), cut_(cut) { out_.reserve(json.size()); }

	std::string run() {
		while (at_ < json_.size()) {
			const char c = json_[at_];
			if (c == '"') {
				string();
			} else if (c == '-' || is_digit(c)) {
				number();
			} else {
				if (c == '{' || c == '[' || c == ',')
					is_id_ = is_account_number_ = false;
				out_ += c;
				++at_;
			}
		}
		return std::move(out_);
	}

private:
	void string() {
		std::size_t end = at_ + 1;
		while (end < json_.size() && json_[end] != '"')
			end += json_[end] == '\\' ? 2 : 1;
		const std::string_view quoted = json_.substr(at_, end + 1 - at_);
		at_ += quoted.size();
		const std::size_t next = json_.find_first_not_of(" \t\n\r", at_);
		if (next != std::string_view::npos && json_[next] == ':') {
			const std::string_view key = quoted.substr(1, quoted.size() - 2);
			is_id_ = names_id(key);
			is_account_number_ = cut_ == Cut::all_numbers && names_account_number(key);
			out_ += quoted;
		} else if (is_account_number_) {
			mask(quoted);
		} else if (is_id_) {
			out_ += quoted;
		} else {
			pieces(quoted);
		}
	}

	void mask(std::string_view number) {
		out_ += '"';
		out_ += text::mask_last4(number);
		out_ += '"';
	}

	// Escapes part the text: the digits of \u0020 do not belong to a number behind it.
	void pieces(std::string_view quoted) {
		while (!quoted.empty()) {
			const std::size_t escape = quoted.find('\\');
			out_ += text::cut_pans(std::string(quoted.substr(0, escape)));
			if (escape == std::string_view::npos)
				return;
			const std::size_t size = quoted.substr(escape).starts_with("\\u") ? 6 : 2;
			out_ += quoted.substr(escape, size);
			quoted.remove_prefix(std::min(escape + size, quoted.size()));
		}
	}

	void number() {
		// Shorter integers are times in milliseconds far more often than the few card numbers of such a length.
		constexpr std::size_t kLeastDigits = 15;
		const std::size_t end = std::min(json_.find_first_not_of("0123456789.eE+-", at_), json_.size());
		const std::string_view number = json_.substr(at_, end - at_);
		at_ = end;
		if (is_account_number_) {
			mask(number);
			return;
		}
		const bool all_digits = number.find_first_not_of("0123456789") == std::string_view::npos;
		if (is_id_ || !all_digits || number.size() < kLeastDigits || !text::has_pan(number)) {
			out_ += number;
			return;
		}
		out_ += '"';
		out_ += text::cut_pans(std::string(number));
		out_ += '"';
	}

	std::string_view json_;
	std::size_t at_ = 0;
	Cut cut_;
	bool is_id_ = false; // the value to come belongs to an id's key
	bool is_account_number_ = false;
	std::string out_;
};

} // namespace

std::string cut_pans(std::string_view json) {
	if (!text::may_hold_pan(json))
		return std::string(json);
	return Cutter(json, Cut::pans).run();
}

std::string_view cut_pans(std::string_view raw, Body &body) {
	if (!text::may_hold_pan(raw))
		return raw;
	const std::string cut = Cutter(raw, Cut::pans).run();
	return cut == raw ? raw : body.keep(cut);
}

std::string_view cut_numbers(std::string_view raw, Body &body) {
	return body.keep(Cutter(raw, Cut::all_numbers).run());
}

} // namespace ob::json

#include "core/pure.hpp"
