#include "core/packed.hpp"

#include <limits>

#include "core/error.hpp"

#include "core/pure.hpp"

namespace ob::packed {
namespace {

constexpr unsigned kPending = 1;
constexpr unsigned kAuthorized = 2;
constexpr unsigned kBooked = 4;
constexpr unsigned kAllFlags = kPending | kAuthorized | kBooked;

/// All texts of a transaction, in the order they are written.
constexpr std::string_view Transaction::*kTexts[] = {
    &Transaction::id,
    &Transaction::account_id,
    &Transaction::amount,
    &Transaction::currency,
    &Transaction::description,
    &Transaction::merchant_name,
    &Transaction::counterparty,
    &Transaction::category,
    &Transaction::category_detail,
    &Transaction::type,
    &Transaction::reference,
    &Transaction::running_balance,
    &Transaction::pending_transaction_id,
    &Transaction::raw,
};

// Do not compile once the model has another field: pack it too, then count it here.
[[maybe_unused]] void count_fields(const Transaction &row) {
	[[maybe_unused]] const auto &[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = row;
}
[[maybe_unused]] void count_fields(const RejectedRow &row) {
	[[maybe_unused]] const auto &[a, b, c, d] = row;
}
[[maybe_unused]] void count_fields(const RemovedTransaction &row) {
	[[maybe_unused]] const auto &[a, b] = row;
}

void put_varint(std::string &out, std::uint64_t value) {
	char buffer[10];
	std::size_t size = 0;
	for (; value >= 0x80; value >>= 7)
		buffer[size++] = static_cast<char>(value | 0x80);
	buffer[size++] = static_cast<char>(value);
	out.append(buffer, size);
}

void put_signed(std::string &out, std::int64_t value) {
	// Zigzag: days before 1970 stay short.
	put_varint(out, (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
}

void put_text(std::string &out, std::string_view text) {
	put_varint(out, text.size());
	out.append(text);
}

/// Writes header and payload; leaves `out` as it was if that fails.
template <class F>
void put_record(std::string &out, Kind kind, F &&payload) {
	const std::size_t begin = out.size();
	try {
		out.append({static_cast<char>(kind), 0, 0, 0, 0});
		payload();
		const std::size_t size = out.size() - begin - kHeaderSize;
		if (size > std::numeric_limits<std::uint32_t>::max())
			throw Error(ErrorCode::limit_exceeded, "a row of an answer is larger than 4 GiB");
		for (std::size_t i = 0; i < 4; ++i)
			out[begin + 1 + i] = static_cast<char>(size >> (8 * i));
	} catch (...) {
		out.resize(begin);
		throw;
	}
}

[[noreturn]] void damaged() {
	throw Error(ErrorCode::internal, "packed rows are damaged");
}

class Payload {
public:
	explicit Payload(std::string_view bytes) : rest_(bytes) {}

	unsigned char byte() {
		if (rest_.empty())
			damaged();
		const auto value = static_cast<unsigned char>(rest_.front());
		rest_.remove_prefix(1);
		return value;
	}
	std::uint64_t varint() {
		std::uint64_t value = 0;
		for (unsigned shift = 0; shift < 64; shift += 7) {
			const unsigned char next = byte();
			if (shift == 63 && next > 1)
				break;
			value |= static_cast<std::uint64_t>(next & 0x7F) << shift;
			if (next < 0x80)
				return value;
		}
		damaged();
	}
	std::int64_t signed_varint() {
		const std::uint64_t value = varint();
		return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
	}
	std::string_view text() {
		const std::uint64_t size = varint();
		if (size > rest_.size())
			damaged();
		const std::string_view value = rest_.substr(0, size);
		rest_.remove_prefix(size);
		return value;
	}
	Date date() {
		const std::int64_t days = signed_varint();
		if (days < std::numeric_limits<Date::rep>::min() || days > std::numeric_limits<Date::rep>::max())
			damaged();
		return Date(std::chrono::days(static_cast<Date::rep>(days)));
	}
	void end() const {
		if (!rest_.empty())
			damaged();
	}

private:
	std::string_view rest_;
};

} // namespace

void Writer::add(const Transaction &row) {
	put_record(out_, Kind::transaction, [&] {
		unsigned flags = row.pending ? kPending : 0u;
		flags |= row.authorized_date ? kAuthorized : 0u;
		flags |= row.booked_at ? kBooked : 0u;
		out_ += static_cast<char>(flags);
		put_signed(out_, row.date.time_since_epoch().count());
		if (row.authorized_date)
			put_signed(out_, row.authorized_date->time_since_epoch().count());
		if (row.booked_at)
			put_signed(out_, row.booked_at->time_since_epoch().count());
		for (const auto text : kTexts)
			put_text(out_, row.*text);
	});
}

void Writer::add(const RemovedTransaction &row) {
	put_record(out_, Kind::removed, [&] {
		put_text(out_, row.id);
		put_text(out_, row.account_id);
	});
}

void Writer::add(const RejectedRow &row) {
	put_record(out_, Kind::rejected, [&] {
		put_text(out_, row.transaction_id);
		put_text(out_, row.account_id);
		put_text(out_, row.reason);
		put_text(out_, row.raw);
	});
}

Header read_header(std::string_view bytes) {
	if (bytes.size() != kHeaderSize)
		damaged();
	const auto kind = static_cast<unsigned char>(bytes[0]);
	if (kind < static_cast<unsigned char>(Kind::transaction) || kind > static_cast<unsigned char>(Kind::rejected))
		damaged();
	Header header{static_cast<Kind>(kind), 0};
	for (std::size_t i = 0; i < 4; ++i)
		header.size |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[1 + i])) << (8 * i);
	return header;
}

Record read(Kind kind, std::string_view bytes) {
	Record record;
	record.kind = kind;
	Payload payload(bytes);
	switch (kind) {
	case Kind::transaction: {
		Transaction &row = record.transaction;
		const unsigned char flags = payload.byte();
		if (flags > kAllFlags)
			damaged();
		row.pending = (flags & kPending) != 0;
		row.date = payload.date();
		if (flags & kAuthorized)
			row.authorized_date = payload.date();
		if (flags & kBooked)
			row.booked_at = Timestamp(std::chrono::microseconds(payload.signed_varint()));
		for (const auto text : kTexts)
			row.*text = payload.text();
		break;
	}
	case Kind::removed:
		record.removed.id = payload.text();
		record.removed.account_id = payload.text();
		break;
	case Kind::rejected:
		record.rejected.transaction_id = payload.text();
		record.rejected.account_id = payload.text();
		record.rejected.reason = payload.text();
		record.rejected.raw = payload.text();
		break;
	}
	payload.end();
	return record;
}

bool Reader::next(Record &record) {
	if (rest_.empty())
		return false;
	if (rest_.size() < kHeaderSize)
		damaged();
	const Header header = read_header(rest_.substr(0, kHeaderSize));
	rest_.remove_prefix(kHeaderSize);
	if (header.size > rest_.size())
		damaged();
	record = read(header.kind, rest_.substr(0, header.size));
	rest_.remove_prefix(header.size);
	return true;
}

} // namespace ob::packed

#include "core/pure.hpp"
