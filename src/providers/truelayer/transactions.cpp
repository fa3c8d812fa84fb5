// C++ regime.
#include "providers/truelayer/transactions.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/money.hpp"
#include "core/text.hpp"
#include "providers/fields.hpp"
#include "providers/truelayer/times.hpp"
#include "json/key_table.hpp"
#include "json/numbers.hpp"
#include "json/pans.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

enum class Field {
	normalised_provider_transaction_id,
	timestamp,
	description,
	amount,
	currency,
	transaction_type,
	transaction_category,
	transaction_classification,
	merchant_name,
	running_balance,
	meta,
};

constexpr json::KeyTable kFields({
    "normalised_provider_transaction_id",
    "timestamp",
    "description",
    "amount",
    "currency",
    "transaction_type",
    "transaction_category",
    "transaction_classification",
    "merchant_name",
    "running_balance",
    "meta",
});

/// What our columns are made of.
struct Sources {
	std::string_view amount;
	bool amount_is_number = false;
	std::string_view transaction_type;
	std::string_view timestamp;
	std::string_view running_balance;
	std::string_view running_currency;
	std::string_view provider_merchant;
	bool has_account_number = false; // of the other side
};

void read_meta(json::Value value, Transaction &row, Sources &from) {
	members_of(value, [&](std::string_view key, json::Value part) {
		if (key == "provider_reference")
			row.reference = text_of(part);
		else if (key == "provider_merchant_name")
			from.provider_merchant = text_of(part);
		else if (key == "counter_party_preferred_name")
			row.counterparty = text_of(part);
		else if (key == "counter_party_iban")
			from.has_account_number = true;
	});
}

void read_field(Field field, json::Value value, Transaction &row, Sources &from) {
	switch (field) {
	case Field::normalised_provider_transaction_id:
		row.id = text_of(value);
		break;
	case Field::timestamp:
		from.timestamp = text_of(value);
		break;
	case Field::description:
		row.description = text_of(value);
		break;
	case Field::amount:
		from.amount_is_number = value.kind() == json::Kind::number;
		from.amount = from.amount_is_number ? value.number() : std::string_view{};
		break;
	case Field::currency:
		row.currency = text_of(value);
		break;
	case Field::transaction_type:
		from.transaction_type = text_of(value);
		break;
	case Field::transaction_category:
		row.type = text_of(value);
		break;
	case Field::transaction_classification:
		elements_of(value, [&](json::Value item) {
			if (row.category.empty())
				row.category = text_of(item);
			else if (row.category_detail.empty())
				row.category_detail = text_of(item);
		});
		break;
	case Field::merchant_name:
		row.merchant_name = text_of(value);
		break;
	case Field::running_balance:
		members_of(value, [&](std::string_view key, json::Value part) {
			if (key == "amount" && part.kind() == json::Kind::number)
				from.running_balance = part.number();
			else if (key == "currency")
				from.running_currency = text_of(part);
		});
		break;
	case Field::meta:
		read_meta(value, row, from);
		break;
	}
}

std::string_view without_pans(std::string_view value, json::Body &body) {
	return text::has_pan(value) ? body.keep(text::cut_pans(std::string(value))) : value;
}

bool is_zero(std::string_view amount) {
	return amount.substr(0, amount.find_first_of("eE")).find_first_of("123456789") == amount.npos;
}

/// Whether an amount that was sent has another sign here. An account's is the holder's: minus is money out. A card's is
/// the issuer's: plus is debt. Banks sometimes contradict their own types; by default the type is right.
bool turns(std::string_view amount, std::string_view type, const RowContext &context) {
	const bool is_typed = type == "DEBIT" || type == "CREDIT";
	const bool turned_by_type = amount.starts_with('-') != (type == "DEBIT");
	const bool contradicts = !is_typed || (turned_by_type != context.card && !is_zero(amount));
	if (context.contradicts)
		*context.contradicts = *context.contradicts || contradicts;
	return context.sign_mode == SignMode::raw || !is_typed ? context.card : turned_by_type;
}

/// Empty if it does not fit.
std::string_view our_amount(std::string_view number, bool turned, json::Body &body) {
	if (!money::valid(number))
		return {};
	char text[money::kMaxLength];
	return body.keep({text, money::canonical_to(text, number, turned)});
}

// An index takes keys of 2,700 bytes.
constexpr std::size_t kLongestId = 1000;

/// Why the row cannot be stored; empty if it can.
std::string_view fault(const Transaction &row, const Sources &from, bool has_day) {
	if (row.id.size() > kLongestId)
		return "normalised_provider_transaction_id is too long";
	if (!from.amount_is_number)
		return "amount is missing or no number";
	if (row.amount.empty())
		return "amount is out of range";
	if (from.timestamp.empty())
		return "timestamp is missing";
	if (!has_day)
		return "timestamp is no time";
	return {};
}

} // namespace

SignMode sign_mode_of(std::string_view option) {
	return option == "raw" ? SignMode::raw : SignMode::by_type;
}

void read_transaction(json::Value value, json::Body &body, const RowContext &context, TransactionPage &page) {
	if (value.kind() != json::Kind::object) {
		page.rejected.push_back(
		    {{}, context.account_id, "the transaction is no object", json::cut_numbers(value.raw(), body)});
		return;
	}
	Transaction row;
	row.account_id = context.account_id;
	row.pending = context.pending;
	Sources from;
	const std::string_view text = value.object([&](std::string_view key, json::Value field) {
		if (const int index = kFields.find(key); index >= 0)
			read_field(static_cast<Field>(index), field, row, from);
	});
	row.amount = our_amount(from.amount, turns(from.amount, from.transaction_type, context), body);
	const std::optional<Date> day = parse_day(from.timestamp);
	row.date = day.value_or(Date{});
	std::string_view why = fault(row, from, day.has_value());
	if (why.empty() && !json::numbers_fit(text))
		why = "a number is out of range";
	if (!why.empty()) {
		page.rejected.push_back({row.id, context.account_id, std::string(why), json::cut_numbers(text, body)});
		return;
	}
	if (has_time_of_day(from.timestamp))
		row.booked_at = parse_time(from.timestamp);
	row.description = without_pans(row.description, body);
	row.merchant_name = without_pans(row.merchant_name.empty() ? from.provider_merchant : row.merchant_name, body);
	row.counterparty = without_pans(row.counterparty, body);
	row.reference = without_pans(row.reference, body);
	if (from.running_currency.empty() || from.running_currency == row.currency)
		row.running_balance = our_amount(from.running_balance, context.card, body);
	row.raw = from.has_account_number ? json::cut_numbers(text, body) : json::cut_pans(text, body);
	page.rows.push_back(row);
}

void drop_shared_ids(TransactionPage &page) {
	std::unordered_map<std::string_view, const Transaction *> first;
	std::unordered_set<std::string_view> shared;
	first.reserve(page.rows.size());
	for (const Transaction &row : page.rows) {
		if (row.id.empty())
			continue;
		const auto [place, is_new] = first.emplace(row.id, &row);
		const Transaction &other = *place->second;
		const bool same = row.amount == other.amount && row.currency == other.currency && row.date == other.date &&
		                  row.description == other.description;
		if (!is_new && !same)
			shared.insert(row.id);
	}
	if (shared.empty())
		return;
	for (Transaction &row : page.rows)
		if (shared.contains(row.id))
			row.id = {};
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
