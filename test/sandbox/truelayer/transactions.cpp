// Transactions of accounts and cards: settled ones within a range of days, pending ones as the set that they are.
#include <algorithm>

#include "rows.hpp"
#include "state.hpp"

namespace ob::sandbox::truelayer {

namespace {

constexpr int kUsualDays = 90; // where a request does not say

struct Range {
	Day from;
	Day to;
};

// TrueLayer: days, or date-times of old.
std::optional<Day> read_day(const std::string &text) {
	if (const auto day = parse_date(text)) {
		return day;
	}
	auto time = parse_time(text);
	if (!time) {
		time = parse_time(text + "Z");
	}
	return time ? std::optional(day_of(*time)) : std::nullopt;
}

Day day_or(const std::optional<std::string> &text, Day otherwise) {
	if (!text) {
		return otherwise;
	}
	const auto day = read_day(*text);
	if (!day) {
		fail("validation_error", "from and to must be dates of the form YYYY-MM-DD");
	}
	return *day;
}

// What the bank gives at this moment of what is asked for.
Range granted(const DataCall &call) {
	const Day today = day_of(call.state.world.clock.now());
	Range range;
	range.to = day_or(call.request.to, today);
	range.from = day_or(call.request.from, std::min(range.to, today) - std::chrono::days{kUsualDays});
	if (range.to > today || range.from > range.to) {
		fail("invalid_date_range");
	}
	const Bank &bank = call.bank;
	const bool deep =
	    call.state.world.clock.now() <= call.connection.authenticated + std::chrono::minutes{bank.deep_minutes} &&
	    !(bank.refresh_ends_deep && call.connection.refreshed_since);
	const Day oldest = today - std::chrono::days{deep ? bank.deep_days : bank.history_days};
	if (range.from >= oldest) {
		return range;
	}
	if (bank.refusal != Bank::Refusal::silence) {
		fail(refusal_name(bank.refusal));
	}
	range.from = oldest;
	return range;
}

std::string rows_of(DataCall &call, bool card, bool pending) {
	const std::uint32_t account = call.account(card);
	// Of pending ones all are told, whatever the range: banks treat it differently, and clients leave it out.
	const Range range = pending ? Range{Day::min(), Day::max()} : granted(call);
	const TransactionLog &transactions = call.item.transactions;
	const std::string salt = call.bank.fresh_transaction_ids ? std::to_string(++call.state.answers) : std::string{};
	std::string out = "[";
	for (const std::uint32_t index : transactions.newest_first()) {
		const RowState row = transactions.state(index);
		if (row.account == account && row.pending == pending && row.date >= range.from && row.date <= range.to) {
			out.append(out.size() == 1 ? "" : ",");
			append_row(out, transactions, index, salt);
		}
	}
	return out.append("]");
}

std::string get_settled(DataCall &call) {
	return rows_of(call, false, false);
}
std::string get_pending(DataCall &call) {
	return rows_of(call, false, true);
}
std::string get_card_settled(DataCall &call) {
	return rows_of(call, true, false);
}
std::string get_card_pending(DataCall &call) {
	return rows_of(call, true, true);
}

} // namespace

std::vector<DataRoute> transaction_routes() {
	return {
	    {"/accounts/{id}/transactions", get_settled, {"accounts", "transactions"}, true},
	    {"/accounts/{id}/transactions/pending", get_pending, {"accounts", "transactions"}, true},
	    {"/cards/{id}/transactions", get_card_settled, {"cards", "transactions"}, true},
	    {"/cards/{id}/transactions/pending", get_card_pending, {"cards", "transactions"}, true},
	};
}

} // namespace ob::sandbox::truelayer
