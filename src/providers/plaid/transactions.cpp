// C++ regime.
#include "providers/plaid/transactions.hpp"

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/money.hpp"
#include "core/text.hpp"
#include "core/time.hpp"
#include "providers/fields.hpp"
#include "json/key_table.hpp"
#include "json/numbers.hpp"
#include "json/pans.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

enum class Field {
	transaction_id,
	account_id,
	amount,
	iso_currency_code,
	unofficial_currency_code,
	date,
	datetime,
	authorized_date,
	name,
	merchant_name,
	original_description,
	pending,
	pending_transaction_id,
	payment_channel,
	transaction_code,
	check_number,
	category,
	personal_finance_category,
	counterparties,
	payment_meta,
};

constexpr json::KeyTable kFields({
    "transaction_id",
    "account_id",
    "amount",
    "iso_currency_code",
    "unofficial_currency_code",
    "date",
    "datetime",
    "authorized_date",
    "name",
    "merchant_name",
    "original_description",
    "pending",
    "pending_transaction_id",
    "payment_channel",
    "transaction_code",
    "check_number",
    "category",
    "personal_finance_category",
    "counterparties",
    "payment_meta",
});

/// What several of our columns are chosen from.
struct Sources {
	std::string_view amount;
	bool amount_is_number = false;
	std::string_view iso_currency;
	std::string_view unofficial_currency;
	std::string_view date;
	std::string_view datetime;
	std::string_view authorized_date;
	std::string_view name;
	std::string_view original_description;
	std::string_view payment_channel;
	std::string_view transaction_code;
	std::string_view check_number;
	std::string_view reference_number;
	bool has_account_numbers = false; // of counterparties
	// The legacy category is a path of names; its ends stand in where the newer one is absent.
	std::string_view legacy_first;
	std::string_view legacy_last;
};

void read_field(Field field, json::Value value, Transaction &row, Sources &from) {
	switch (field) {
	case Field::transaction_id:
		row.id = text_of(value);
		break;
	case Field::account_id:
		row.account_id = text_of(value);
		break;
	case Field::amount:
		from.amount_is_number = value.kind() == json::Kind::number;
		from.amount = from.amount_is_number ? value.number() : std::string_view{};
		break;
	case Field::iso_currency_code:
		from.iso_currency = text_of(value);
		break;
	case Field::unofficial_currency_code:
		from.unofficial_currency = text_of(value);
		break;
	case Field::date:
		from.date = text_of(value);
		break;
	case Field::datetime:
		from.datetime = text_of(value);
		break;
	case Field::authorized_date:
		from.authorized_date = text_of(value);
		break;
	case Field::name:
		from.name = text_of(value);
		break;
	case Field::merchant_name:
		row.merchant_name = text_of(value);
		break;
	case Field::original_description:
		from.original_description = text_of(value);
		break;
	case Field::pending:
		row.pending = value.kind() == json::Kind::boolean && value.boolean();
		break;
	case Field::pending_transaction_id:
		row.pending_transaction_id = text_of(value);
		break;
	case Field::payment_channel:
		from.payment_channel = text_of(value);
		break;
	case Field::transaction_code:
		from.transaction_code = text_of(value);
		break;
	case Field::check_number:
		from.check_number = text_of(value);
		break;
	case Field::category:
		elements_of(value, [&](json::Value item) {
			from.legacy_last = text_of(item);
			if (from.legacy_first.empty())
				from.legacy_first = from.legacy_last;
		});
		break;
	case Field::personal_finance_category:
		members_of(value, [&](std::string_view key, json::Value part) {
			if (key == "primary")
				row.category = text_of(part);
			else if (key == "detailed")
				row.category_detail = text_of(part);
		});
		break;
	case Field::counterparties:
		elements_of(value, [&](json::Value item) {
			members_of(item, [&](std::string_view key, json::Value part) {
				if (key == "name" && row.counterparty.empty())
					row.counterparty = text_of(part);
				else if (key == "account_numbers")
					from.has_account_numbers |= part.kind() != json::Kind::null;
			});
		});
		break;
	case Field::payment_meta:
		members_of(value, [&](std::string_view key, json::Value part) {
			if (key == "reference_number")
				from.reference_number = text_of(part);
		});
		break;
	}
}

std::string_view first_of(std::string_view a, std::string_view b) {
	return a.empty() ? b : a;
}

std::string_view without_pans(std::string_view value, json::Body &body) {
	return text::has_pan(value) ? body.keep(text::cut_pans(std::string(value))) : value;
}

/// Banks without a time of day send 00:00:00 in their own offset; that is no time.
bool has_time_of_day(std::string_view datetime) {
	constexpr std::size_t kTime = 11; // after "YYYY-MM-DD" and the T
	return datetime.size() >= kTime + 8 && datetime.substr(kTime, 8) != "00:00:00";
}

void choose_texts(const Sources &from, json::Body &body, Transaction &row) {
	row.currency = first_of(from.iso_currency, from.unofficial_currency);
	row.description = without_pans(first_of(from.original_description, from.name), body);
	row.merchant_name = without_pans(row.merchant_name, body);
	row.counterparty = without_pans(row.counterparty, body);
	if (row.category.empty() && row.category_detail.empty()) {
		row.category = from.legacy_first;
		row.category_detail = from.legacy_last == from.legacy_first ? std::string_view{} : from.legacy_last;
	}
	row.type = first_of(from.transaction_code, from.payment_channel);
	// A check's number is what its holder looks for; other payments have the bank's reference.
	row.reference = without_pans(first_of(from.check_number, from.reference_number), body);
}

void choose_times(const Sources &from, Transaction &row) {
	row.authorized_date = time::parse_date(from.authorized_date);
	if (has_time_of_day(from.datetime))
		row.booked_at = time::parse_timestamp(from.datetime);
}

/// With our sign: Plaid's is positive for money that leaves, on every type of account. Empty if it does not fit.
std::string_view our_amount(std::string_view number, json::Body &body) {
	if (!money::valid(number))
		return {};
	char text[money::kMaxLength];
	return body.keep({text, money::canonical_to(text, number, true)});
}

// An index takes keys of 2,700 bytes; Plaid's ids have 37.
constexpr std::size_t kLongestId = 1000;

/// Why the row cannot be stored; empty if it can.
std::string_view fault(const Transaction &row, const Sources &from, bool has_day) {
	if (row.id.empty())
		return "transaction_id is missing";
	if (row.id.size() > kLongestId)
		return "transaction_id is too long";
	if (row.account_id.empty())
		return "account_id is missing";
	if (row.account_id.size() > kLongestId)
		return "account_id is too long";
	if (!from.amount_is_number)
		return "amount is missing or no number";
	if (row.amount.empty())
		return "amount is out of range";
	if (from.date.empty())
		return "date is missing";
	if (!has_day)
		return "date is no day";
	return {};
}

} // namespace

void read_transaction(json::Value value, json::Body &body, Raw raw, TransactionPage &page) {
	if (value.kind() != json::Kind::object) {
		page.rejected.push_back({{}, {}, "the transaction is no object", json::cut_numbers(value.raw(), body)});
		return;
	}
	Transaction row;
	Sources from;
	const std::string_view text = value.object([&](std::string_view key, json::Value field) {
		if (const int index = kFields.find(key); index >= 0)
			read_field(static_cast<Field>(index), field, row, from);
	});
	row.amount = our_amount(from.amount, body);
	const std::optional<Date> day = time::parse_date(from.date);
	row.date = day.value_or(Date{});
	std::string_view why = fault(row, from, day.has_value());
	if (why.empty() && raw == Raw::keep && !json::numbers_fit(text))
		why = "a number is out of range";
	if (!why.empty()) {
		page.rejected.push_back({row.id, row.account_id, std::string(why), json::cut_numbers(text, body)});
		return;
	}
	choose_texts(from, body, row);
	choose_times(from, row);
	if (raw == Raw::keep)
		row.raw = from.has_account_numbers ? json::cut_numbers(text, body) : json::cut_pans(text, body);
	page.rows.push_back(row);
}

void read_removed(json::Value value, json::Body &body, TransactionPage &page) {
	RemovedTransaction removed;
	members_of(value, [&](std::string_view key, json::Value field) {
		if (key == "transaction_id")
			removed.id = text_of(field);
		else if (key == "account_id")
			removed.account_id = text_of(field);
	});
	if (removed.id.empty())
		page.rejected.push_back({{},
		                         removed.account_id,
		                         "a removed transaction has no transaction_id",
		                         json::cut_numbers(value.raw(), body)});
	else
		page.removed.push_back(removed);
}

void settle_ids(TransactionPage &page) {
	std::unordered_map<std::string_view, std::size_t> last; // place of each id's last version
	last.reserve(page.rows.size());
	for (std::size_t i = 0; i < page.rows.size(); ++i)
		last[page.rows[i].id] = i;
	std::unordered_set<std::string_view> gone;
	std::erase_if(page.removed, [&](const RemovedTransaction &removed) { return !gone.insert(removed.id).second; });

	if (last.size() == page.rows.size() && gone.empty())
		return;
	std::vector<Transaction> settled;
	settled.reserve(last.size());
	for (std::size_t i = 0; i < page.rows.size(); ++i)
		if (last[page.rows[i].id] == i && !gone.contains(page.rows[i].id))
			settled.push_back(page.rows[i]);
	page.rows = std::move(settled);
	std::erase_if(page.rejected, [&](const RejectedRow &row) { return gone.contains(row.transaction_id); });
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
