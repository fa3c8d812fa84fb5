#include "core/money.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/error.hpp"

#include "core/pure.hpp"

namespace ob::money {
namespace {

bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

/// A JSON number cut into its parts.
struct Parts {
	bool negative = false;
	std::string_view whole;    // digits before the point
	std::string_view fraction; // digits behind it
	bool has_exponent = false;
	std::int64_t exponent = 0; // held at ±kHugeExponent, which nothing but zero survives
};

constexpr std::int64_t kHugeExponent = 1'000'000'000;

enum class Outcome { good, not_a_number, too_big };

std::string_view take_digits(const char *&p, const char *end) {
	const char *begin = p;
	while (p != end && is_digit(*p))
		++p;
	return {begin, static_cast<std::size_t>(p - begin)};
}

bool take_exponent(const char *&p, const char *end, Parts &parts) {
	++p;
	bool negative = false;
	if (p != end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	const std::string_view digits = take_digits(p, end);
	for (char c : digits)
		parts.exponent = std::min(parts.exponent * 10 + (c - '0'), kHugeExponent);
	if (negative)
		parts.exponent = -parts.exponent;
	parts.has_exponent = true;
	return !digits.empty();
}

bool cut_up(std::string_view number, Parts &parts) {
	const char *p = number.data();
	const char *const end = p + number.size();
	if (p != end && *p == '-') {
		parts.negative = true;
		++p;
	}
	parts.whole = take_digits(p, end);
	if (parts.whole.empty() || (parts.whole.size() > 1 && parts.whole.front() == '0'))
		return false;
	if (p != end && *p == '.') {
		++p;
		parts.fraction = take_digits(p, end);
		if (parts.fraction.empty())
			return false;
	}
	if (p != end && (*p == 'e' || *p == 'E') && !take_exponent(p, end, parts))
		return false;
	return p == end;
}

/// The digits of a number as one row, with the point `point` digits from the left (perhaps outside of the row).
class DigitRow {
public:
	explicit DigitRow(const Parts &parts)
	    : parts_(parts), size_(static_cast<std::int64_t>(parts.whole.size() + parts.fraction.size())),
	      point_(static_cast<std::int64_t>(parts.whole.size()) + parts.exponent) {
		while (first_ < size_ && digit(first_) == '0')
			++first_;
		last_ = size_ - 1;
		while (last_ > first_ && digit(last_) == '0')
			--last_;
	}

	bool zero() const { return first_ == size_; }
	bool fits() const {
		return zero() || (point_ - first_ <= static_cast<std::int64_t>(kMaxIntegerDigits) &&
		                  last_ + 1 - point_ <= static_cast<std::int64_t>(kMaxFractionDigits));
	}
	char *write(char *out) const {
		if (zero() || point_ <= first_)
			*out++ = '0';
		else
			for (std::int64_t i = first_; i < point_; ++i)
				*out++ = digit(i);
		const auto scale = std::clamp<std::int64_t>(size_ - point_, 0, kMaxFractionDigits);
		if (scale > 0)
			*out++ = '.';
		for (std::int64_t i = point_; i < point_ + scale; ++i)
			*out++ = digit(i);
		return out;
	}

private:
	char digit(std::int64_t i) const {
		const auto whole = static_cast<std::int64_t>(parts_.whole.size());
		if (i < 0 || i >= size_)
			return '0';
		return i < whole ? parts_.whole[static_cast<std::size_t>(i)]
		                 : parts_.fraction[static_cast<std::size_t>(i - whole)];
	}

	const Parts &parts_;
	std::int64_t size_;
	std::int64_t point_;
	std::int64_t first_ = 0; // first digit other than 0
	std::int64_t last_ = 0;
};

bool all_zero(std::string_view digits) {
	return digits.find_first_not_of('0') == std::string_view::npos;
}

Outcome convert(char *out, std::size_t &length, std::string_view number, bool negate) {
	Parts parts;
	if (!cut_up(number, parts))
		return Outcome::not_a_number;
	char *p = out;
	if (!parts.has_exponent && parts.whole.size() <= kMaxIntegerDigits && parts.fraction.size() <= kMaxFractionDigits) {
		if (parts.negative != negate && !(all_zero(parts.whole) && all_zero(parts.fraction)))
			*p++ = '-';
		// The point stands between the two in the number already.
		const std::size_t size = parts.whole.size() + (parts.fraction.empty() ? 0 : 1 + parts.fraction.size());
		std::memcpy(p, parts.whole.data(), size);
		p += size;
	} else {
		const DigitRow row(parts);
		if (!row.fits())
			return Outcome::too_big;
		if (parts.negative != negate && !row.zero())
			*p++ = '-';
		p = row.write(p);
	}
	length = static_cast<std::size_t>(p - out);
	return Outcome::good;
}

} // namespace

std::size_t canonical_to(char *out, std::string_view json_number, bool negate) {
	std::size_t length = 0;
	switch (convert(out, length, json_number, negate)) {
	case Outcome::good:
		return length;
	case Outcome::not_a_number:
		throw Error(ErrorCode::bad_reply, "an amount is not a JSON number");
	case Outcome::too_big:
		break;
	}
	throw Error(ErrorCode::bad_reply, "an amount has more than 30 integer or 18 fraction digits");
}

std::string canonical(std::string_view json_number) {
	char buffer[kMaxLength];
	return {buffer, canonical_to(buffer, json_number)};
}

std::string negated(std::string_view amount) {
	if (amount.starts_with('-'))
		return std::string(amount.substr(1));
	if (amount.find_first_not_of("0.") == std::string_view::npos)
		return std::string(amount);
	std::string result;
	result.reserve(amount.size() + 1);
	result += '-';
	result += amount;
	return result;
}

bool valid(std::string_view json_number) noexcept {
	char buffer[kMaxLength];
	std::size_t length = 0;
	return convert(buffer, length, json_number, false) == Outcome::good;
}

} // namespace ob::money

#include "core/pure.hpp"
