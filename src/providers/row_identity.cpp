// C++ regime.
#include "providers/row_identity.hpp"

#include "core/time.hpp"
#include "crypto/digest.hpp"

#include "core/pure.hpp"

namespace ob::providers {

namespace {

bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

char upper(char c) {
	return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/// Appends letters and digits; false if there is anything that hides some.
bool append_number(WipedString &out, std::string_view number) {
	constexpr std::size_t kMaskLength = 3; // one X, or two, may be part of an IBAN
	std::size_t crosses = 0;
	for (const char c : number) {
		if (c == ' ' || c == '-' || c == '.' || c == '/')
			continue;
		const char letter = upper(c);
		crosses = letter == 'X' ? crosses + 1 : 0;
		if (crosses == kMaskLength || (!is_digit(letter) && (letter < 'A' || letter > 'Z')))
			return false;
		out.push_back(letter);
	}
	return true;
}

} // namespace

std::string content_key(const Transaction &row) {
	constexpr std::size_t kDigits = 32; // 128 bits
	std::string content(row.pending ? "pending " : "posted ");
	content.append(time::format_date(row.date));
	for (const std::string_view part : {plain_amount(row.amount), row.currency, row.description}) {
		content.push_back('\0');
		content.append(part);
	}
	return "content-" + crypto::sha256_hex(content).substr(0, kDigits) + "-";
}

std::string_view plain_amount(std::string_view amount) {
	if (amount.find('.') == amount.npos)
		return amount;
	const std::size_t last = amount.find_last_not_of('0');
	return amount.substr(0, amount[last] == '.' ? last : last + 1);
}

std::optional<Secret> number_key(const AccountNumber &number) {
	constexpr std::size_t kShortest = 6;
	WipedString own;
	if (number.tokenized || !append_number(own, number.number.reveal()) || own.size() < kShortest)
		return std::nullopt;
	WipedString key(number.scheme);
	for (const std::string_view part : {std::string_view(number.bank_code), std::string_view(number.branch_code)}) {
		key.push_back(':');
		if (!append_number(key, part))
			return std::nullopt;
	}
	key.push_back(':');
	key.append(own);
	return Secret(std::move(key));
}

std::string card_key(const Account &account) {
	if (account.type != "credit_card" || account.provider_subtype.empty() || account.mask.empty())
		return {};
	return account.provider_subtype + ":" + account.mask;
}

} // namespace ob::providers

#include "core/pure.hpp"
