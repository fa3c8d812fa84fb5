#include "bulk_rows.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "bulk_text.hpp"

namespace ob::sandbox::plaid {

namespace {

constexpr std::string_view kDigits62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t kIdLength = 37;
constexpr std::size_t kNumberLength = 6; // 62^6 is more than 2^32

// A good mixture of all bits (the finalizer of splitmix64).
constexpr std::uint64_t mixed(std::uint64_t x) {
	x += 0x9E3779B97F4A7C15U;
	x = (x ^ x >> 30U) * 0xBF58476D1CE4E5B9U;
	x = (x ^ x >> 27U) * 0x94D049BB133111EBU;
	return x ^ x >> 31U;
}

constexpr std::uint32_t kScatter = 0x9E3779B1U;

// The number that undoes a multiplication by an odd one, modulo 2^32.
constexpr std::uint32_t inverse(std::uint32_t odd) {
	std::uint32_t out = odd;
	for (int step = 0; step < 5; ++step) {
		out *= 2 - odd * out;
	}
	return out;
}
static_assert(kScatter * inverse(kScatter) == 1);

/// Draws choices from one random number after the other.
class Dice {
public:
	explicit Dice(std::uint64_t seed) : state_(seed) {}
	std::uint32_t roll(std::uint32_t below) {
		const auto out = static_cast<std::uint32_t>(bits_ % below);
		bits_ /= below;
		// Below this there would be too little left for a fair choice.
		if (bits_ < (1ULL << 32U)) {
			bits_ = mixed(++state_);
		}
		return out;
	}

private:
	std::uint64_t state_;
	std::uint64_t bits_ = mixed(state_);
};

void append_number(std::string &out, std::uint64_t value) {
	std::array<char, 20> text{};
	const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
	out.append(text.data(), end);
}

// With leading zeros; digits beyond are left out.
void append_digits(std::string &out, std::uint64_t value, std::size_t digits) {
	out.append(digits, '0');
	for (auto at = out.end(); digits != 0; --digits, value /= 10) {
		*--at = static_cast<char>('0' + value % 10);
	}
}

// Without needless zeros, as the API writes them: 8940 cents are 89.4.
void append_cents(std::string &out, std::int64_t cents) {
	if (cents < 0) {
		out.push_back('-');
		cents = -cents;
	}
	append_number(out, static_cast<std::uint64_t>(cents) / 100);
	if (const auto rest = static_cast<std::uint64_t>(cents) % 100; rest != 0) {
		out.push_back('.');
		append_digits(out, rest % 10 == 0 ? rest / 10 : rest, rest % 10 == 0 ? 1 : 2);
	}
}

/// Everything that one row is made of.
struct Choices {
	const BulkParty *party = nullptr;
	const BulkPlace *place = nullptr;
	std::uint32_t account = 0; ///< index into the plan's accounts
	std::int32_t age = 0;      ///< days
	std::int32_t authorized_age = 0;
	bool pending = false;
	bool timed = false;    ///< has date-times
	bool preceded = false; ///< was pending before
	std::uint32_t second_party = 0;
	std::int64_t cents = 0;
	std::uint32_t clock = 0; ///< second of the day
	std::uint32_t store = 0;
	std::uint64_t reference = 0;
	std::uint32_t filler_at = 0;
};

class Rows final : public BulkRows {
public:
	Rows(const Item &item, const BulkPlan &plan)
	    : plan_(plan), row_key_(mixed(plan.seed)),
	      id_key_(mixed(row_key_ ^ mixed(item.number ^ mixed(item.transactions.size())))) {
		plan_.days = std::max(1, plan_.days);
		for (const std::uint32_t account : plan_.accounts) {
			account_ids_.push_back(json_string(item.accounts.at(account).id));
		}
		for (std::int32_t age = 0; age < plan_.days + kLongestWay; ++age) {
			dates_.push_back(format_date(plan_.last - std::chrono::days{age}));
		}
	}

	std::uint32_t count() const override { return plan_.count; }
	RowState state(std::uint32_t number) const override;
	void append_id(std::string &out, std::uint32_t number) const override;
	std::optional<std::uint32_t> find(std::string_view id) const override;
	void append_to(std::string &out, std::uint32_t number, bool with_original_description) const override;

private:
	static constexpr std::int32_t kLongestWay = 4; ///< days from authorization to posting

	/// The choices that state() needs; the others follow from the same dice.
	[[nodiscard]] Choices first_choices(Dice &dice) const;
	[[nodiscard]] Choices choices(std::uint32_t number) const;
	void append_own(std::string &out, std::uint32_t number, const Choices &row) const;
	void append_name(std::string &out, const Choices &row) const;
	void append_time(std::string &out, std::int32_t age, std::uint32_t second) const;
	static void append_location(std::string &out, const Choices &row);
	static void append_payment(std::string &out, const Choices &row);
	static void append_filler(std::string &out, std::size_t at, std::size_t size);

	BulkPlan plan_;
	std::uint64_t row_key_;
	std::uint64_t id_key_;
	std::vector<std::string> account_ids_; // JSON strings
	std::vector<std::string> dates_;       // by age in days
};

Choices Rows::first_choices(Dice &dice) const {
	Choices row;
	row.age = static_cast<std::int32_t>(dice.roll(static_cast<std::uint32_t>(plan_.days)));
	row.account = dice.roll(static_cast<std::uint32_t>(plan_.accounts.size()));
	row.pending = row.age < 3 && dice.roll(2) == 0;
	return row;
}

Choices Rows::choices(std::uint32_t number) const {
	const BulkTexts &texts = bulk_texts();
	Dice dice(mixed(row_key_ ^ number));
	Choices row = first_choices(dice);
	row.authorized_age = row.age + static_cast<std::int32_t>(dice.roll(kLongestWay));
	row.party = &texts.parties[dice.roll(static_cast<std::uint32_t>(texts.parties.size()))];
	row.place = &texts.places[dice.roll(static_cast<std::uint32_t>(texts.places.size()))];
	row.timed = dice.roll(4) == 0;
	row.preceded = !row.pending && dice.roll(2) == 0;
	row.second_party = dice.roll(8);
	const std::uint32_t size = dice.roll(100);
	const std::uint32_t most = size < 80 ? 15'000 : size < 97 ? 90'000 : 1'200'000;
	row.cents = 1 + static_cast<std::int64_t>(dice.roll(most));
	if (row.party->kind == BulkParty::Kind::income || dice.roll(40) == 0) {
		row.cents = -row.cents;
	}
	row.clock = dice.roll(86'400);
	row.store = dice.roll(10'000);
	row.reference = std::uint64_t{dice.roll(1'000'000)} * 1'000'000 + dice.roll(1'000'000);
	row.filler_at = dice.roll(8192);
	return row;
}

RowState Rows::state(std::uint32_t number) const {
	Dice dice(mixed(row_key_ ^ number));
	const Choices row = first_choices(dice);
	RowState out;
	out.account = plan_.accounts[row.account];
	out.date = plan_.last - std::chrono::days{row.age};
	out.pending = row.pending;
	return out;
}

void Rows::append_id(std::string &out, std::uint32_t number) const {
	std::array<char, kIdLength> id{};
	// The number, scattered, so that it can be found again; the rest proves that the id is one of these.
	std::uint64_t digits = static_cast<std::uint32_t>((number ^ static_cast<std::uint32_t>(id_key_)) * kScatter);
	for (std::size_t at = kIdLength - kNumberLength; at < kIdLength; ++at, digits /= 62) {
		id[at] = kDigits62[digits % 62];
	}
	std::uint64_t block = id_key_ ^ std::uint64_t{number} << 16U;
	for (std::size_t at = 0; at < kIdLength - kNumberLength; ++at, digits /= 62) {
		if (at % 10 == 0) { // ten digits of 62 use up 60 bits
			digits = mixed(block++);
		}
		id[at] = kDigits62[digits % 62];
	}
	out.append(id.data(), id.size());
}

std::optional<std::uint32_t> Rows::find(std::string_view id) const {
	if (id.size() != kIdLength) {
		return std::nullopt;
	}
	std::uint64_t scattered = 0;
	for (std::size_t at = kIdLength; at-- > kIdLength - kNumberLength;) {
		scattered = scattered * 62 + kDigits62.find(id[at]);
	}
	const std::uint32_t number =
	    (static_cast<std::uint32_t>(scattered) * inverse(kScatter)) ^ static_cast<std::uint32_t>(id_key_);
	std::string made;
	append_id(made, number);
	return number < plan_.count && made == id ? std::optional(number) : std::nullopt;
}

void Rows::append_to(std::string &out, std::uint32_t number, bool with_original_description) const {
	const Choices row = choices(number);
	const std::size_t begin = out.size();
	append_own(out, number, row);
	out.append(row.party->text);
	const std::vector<std::string> &seconds = bulk_texts().second_parties;
	if (row.second_party < seconds.size()) {
		out.append(row.party->has_counterparty ? "," : "").append(seconds[row.second_party]);
	}
	out.push_back(']');
	append_location(out, row);
	append_payment(out, row);
	// The free text of payment_meta takes what a row lacks in size.
	static constexpr std::string_view kEnd = "\"\"}}"; // of a row that has such a text
	out.append(",\"reason\":");
	if (const std::size_t size = out.size() - begin + kEnd.size(); size < plan_.bytes) {
		out.push_back('"');
		append_filler(out, row.filler_at, plan_.bytes - size);
		out.append("\"}");
	} else {
		out.append("null}");
	}
	if (with_original_description) {
		out.append(",\"original_description\":\"POS ");
		append_name(out, row);
		out.append(" REF ");
		append_digits(out, row.reference, 12);
		out.push_back('"');
	}
	out.push_back('}');
}

// What is the row's own, up to the pending transaction it may have been.
void Rows::append_own(std::string &out, std::uint32_t number, const Choices &row) const {
	out.append("{\"transaction_id\":\"");
	append_id(out, number);
	out.append("\",\"account_id\":").append(account_ids_[row.account]).append(",\"amount\":");
	append_cents(out, row.cents);
	out.append(",\"iso_currency_code\":\"USD\",\"unofficial_currency_code\":null,\"date\":\"");
	out.append(dates_[static_cast<std::size_t>(row.age)]).append("\",\"datetime\":");
	if (row.timed) {
		append_time(out, row.age, row.clock);
	} else {
		out.append("null");
	}
	out.append(",\"authorized_date\":\"").append(dates_[static_cast<std::size_t>(row.authorized_age)]);
	out.append("\",\"authorized_datetime\":");
	if (row.timed) {
		append_time(out, row.authorized_age, row.clock * 7 % 86'400);
	} else {
		out.append("null");
	}
	out.append(",\"name\":\"");
	append_name(out, row);
	out.append(row.pending ? "\",\"pending\":true" : "\",\"pending\":false").append(",\"pending_transaction_id\":");
	if (row.preceded) {
		// Long gone: an id beyond those of the rows.
		out.push_back('"');
		append_id(out, ~number);
		out.push_back('"');
	} else {
		out.append("null");
	}
	out.append(",\"check_number\":");
	if (row.party->kind == BulkParty::Kind::transfer) {
		out.push_back('"');
		append_digits(out, row.store, 4);
		out.append("\",");
	} else {
		out.append("null,");
	}
}

void Rows::append_name(std::string &out, const Choices &row) const {
	out.append(row.party->raw_name);
	if (row.party->kind == BulkParty::Kind::shop) {
		out.append(" #");
		append_digits(out, row.store, 4);
		out.append(" ").append(row.place->raw_name);
	} else {
		out.append(" *");
		append_digits(out, row.reference, 6);
	}
	const std::string &date = dates_[static_cast<std::size_t>(row.authorized_age)];
	out.append(" ").append(date, 5, 2).append(date, 8, 2);
}

void Rows::append_time(std::string &out, std::int32_t age, std::uint32_t second) const {
	out.append("\"").append(dates_[static_cast<std::size_t>(age)]).push_back('T');
	append_digits(out, second / 3600, 2);
	out.push_back(':');
	append_digits(out, second / 60 % 60, 2);
	out.push_back(':');
	append_digits(out, second % 60, 2);
	out.append("Z\"");
}

void Rows::append_location(std::string &out, const Choices &row) {
	if (row.party->kind != BulkParty::Kind::shop) {
		out.append(",\"location\":{\"address\":null,\"city\":null,\"region\":null,\"postal_code\":null,"
		           "\"country\":null,\"lat\":null,\"lon\":null,\"store_number\":null}");
		return;
	}
	const std::vector<std::string> &streets = bulk_texts().streets;
	const BulkPlace &place = *row.place;
	out.append(",\"location\":{\"address\":\"");
	append_number(out, row.store * 3 + 1);
	out.append(" ").append(streets[row.store % streets.size()]).append("\",");
	out.append(place.text, 0, place.zip_at);
	append_digits(out, row.store, 3);
	out.append(place.text, place.zip_at, std::string::npos).append(",\"lat\":");
	append_number(out, static_cast<std::uint64_t>(place.lat));
	out.push_back('.');
	append_digits(out, row.reference / 1'000'000, 6);
	out.append(",\"lon\":-");
	append_number(out, static_cast<std::uint64_t>(-place.lon));
	out.push_back('.');
	append_digits(out, row.reference, 6);
	out.append(",\"store_number\":\"");
	append_digits(out, row.store, 4);
	out.append("\"}");
}

// Without its last member and the closing brace.
void Rows::append_payment(std::string &out, const Choices &row) {
	if (row.party->has_counterparty) {
		out.append(",\"payment_meta\":{\"by_order_of\":null,\"payee\":null,\"payer\":null,\"payment_method\":null,"
		           "\"payment_processor\":null,\"ppd_id\":null,\"reference_number\":null");
		return;
	}
	const bool income = row.party->kind == BulkParty::Kind::income;
	out.append(",\"payment_meta\":{\"by_order_of\":");
	out.append(income ? "\"GUSTO PAYROLL SERVICES\",\"payee\":\"HOLDER OF THE ACCOUNT\",\"payer\":\"EMPLOYER "
	                  : "null,\"payee\":\"SAVINGS 1111\",\"payer\":\"CHECKING ");
	append_digits(out, row.store, 4);
	out.append("\",\"payment_method\":\"ACH\",\"payment_processor\":null,\"ppd_id\":\"");
	append_digits(out, row.reference, 10);
	out.append("\",\"reference_number\":\"");
	append_digits(out, row.reference, 12);
	out.push_back('"');
}

void Rows::append_filler(std::string &out, std::size_t at, std::size_t size) {
	while (size != 0) {
		const std::string_view words = std::string_view(bulk_texts().filler).substr(at, size);
		out.append(words);
		size -= words.size();
	}
}

} // namespace

std::shared_ptr<const BulkRows> make_bulk_rows(const Item &item, const BulkPlan &plan) {
	return std::make_shared<Rows>(item, plan);
}

} // namespace ob::sandbox::plaid
