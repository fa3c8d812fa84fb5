// Packed rows come back exactly; damaged ones are refused.
#include "core/packed.hpp"

#include <gtest/gtest.h>

#include <random>

#include "core/error.hpp"

namespace ob::packed {
namespace {

bool same(const Transaction &a, const Transaction &b) {
	return a.id == b.id && a.account_id == b.account_id && a.pending == b.pending && a.amount == b.amount &&
	       a.currency == b.currency && a.date == b.date && a.authorized_date == b.authorized_date &&
	       a.booked_at == b.booked_at && a.description == b.description && a.merchant_name == b.merchant_name &&
	       a.counterparty == b.counterparty && a.category == b.category && a.category_detail == b.category_detail &&
	       a.type == b.type && a.reference == b.reference && a.running_balance == b.running_balance &&
	       a.pending_transaction_id == b.pending_transaction_id && a.raw == b.raw;
}

Transaction full() {
	Transaction row;
	row.id = "id";
	row.account_id = "account";
	row.pending = true;
	row.amount = "-12.30";
	row.currency = "EUR";
	row.date = Date{std::chrono::days(19782)};
	row.authorized_date = Date{std::chrono::days(-1)};
	row.booked_at = Timestamp{std::chrono::microseconds(-1)};
	row.description = "description";
	row.merchant_name = "merchant";
	row.counterparty = "counterparty";
	row.category = "category";
	row.category_detail = "detail";
	row.type = "type";
	row.reference = "reference";
	row.running_balance = "0.00";
	row.pending_transaction_id = "pending id";
	row.raw = "{\"a\":1}";
	return row;
}

TEST(Packed, EveryFieldComesBack) {
	std::string bytes;
	Writer writer(bytes);
	writer.add(full());
	writer.add(Transaction{});
	writer.add(RemovedTransaction{"gone", ""});
	writer.add(RejectedRow{"bad", "account", "no date", "{}"});
	Reader reader(bytes);
	Record record;
	ASSERT_TRUE(reader.next(record));
	EXPECT_EQ(record.kind, Kind::transaction);
	EXPECT_TRUE(same(record.transaction, full()));
	ASSERT_TRUE(reader.next(record));
	EXPECT_TRUE(same(record.transaction, Transaction{}));
	ASSERT_TRUE(reader.next(record));
	EXPECT_EQ(record.kind, Kind::removed);
	EXPECT_EQ(record.removed.id, "gone");
	EXPECT_EQ(record.removed.account_id, "");
	ASSERT_TRUE(reader.next(record));
	EXPECT_EQ(record.kind, Kind::rejected);
	EXPECT_EQ(record.rejected.transaction_id, "bad");
	EXPECT_EQ(record.rejected.account_id, "account");
	EXPECT_EQ(record.rejected.reason, "no date");
	EXPECT_EQ(record.rejected.raw, "{}");
	EXPECT_FALSE(reader.next(record));
}

TEST(Packed, ExtremesComeBack) {
	Transaction row;
	const std::string long_text(1'000'000, '\0');
	row.raw = long_text;
	row.date = Date{std::chrono::days(std::numeric_limits<int>::max())};
	row.authorized_date = Date{std::chrono::days(std::numeric_limits<int>::min())};
	row.booked_at = Timestamp::max();
	std::string bytes;
	Writer(bytes).add(row);
	Record record;
	ASSERT_TRUE(Reader(bytes).next(record));
	EXPECT_TRUE(same(record.transaction, row));
	row.booked_at = Timestamp::min();
	bytes.clear();
	Writer(bytes).add(row);
	ASSERT_TRUE(Reader(bytes).next(record));
	EXPECT_TRUE(same(record.transaction, row));
}

TEST(Packed, RandomRowsComeBackFromAStream) {
	std::mt19937 random(3);
	std::vector<std::string> texts;
	for (int i = 0; i < 300; ++i) {
		std::string text(random() % (i % 10 == 0 ? 1000 : 40), '\0');
		for (char &c : text)
			c = static_cast<char>(random());
		texts.push_back(text);
	}
	const auto any = [&]() -> std::string_view { return texts[random() % texts.size()]; };
	std::vector<Transaction> rows;
	std::string bytes;
	Writer writer(bytes);
	for (int i = 0; i < 2000; ++i) {
		Transaction row;
		for (auto field :
		     {&Transaction::id, &Transaction::account_id, &Transaction::amount, &Transaction::currency,
		      &Transaction::description, &Transaction::merchant_name, &Transaction::counterparty,
		      &Transaction::category, &Transaction::category_detail, &Transaction::type, &Transaction::reference,
		      &Transaction::running_balance, &Transaction::pending_transaction_id, &Transaction::raw})
			row.*field = random() % 3 == 0 ? std::string_view() : any();
		row.pending = random() % 2 == 0;
		row.date = Date{std::chrono::days(static_cast<int>(random()))};
		if (random() % 2 == 0)
			row.authorized_date = Date{std::chrono::days(static_cast<int>(random()))};
		if (random() % 2 == 0)
			row.booked_at =
			    Timestamp{std::chrono::microseconds(static_cast<std::int64_t>(random()) << (random() % 30))};
		rows.push_back(row);
		writer.add(row);
	}
	// As from a file: the header first, then as many bytes as it says.
	std::size_t at = 0;
	for (const Transaction &row : rows) {
		const Header header = read_header(std::string_view(bytes).substr(at, kHeaderSize));
		at += kHeaderSize;
		const Record record = read(header.kind, std::string_view(bytes).substr(at, header.size));
		at += header.size;
		ASSERT_TRUE(same(record.transaction, row));
	}
	EXPECT_EQ(at, bytes.size());
}

TEST(Packed, TruncatedIsRefused) {
	std::string bytes;
	Writer(bytes).add(full());
	for (std::size_t size = 1; size < bytes.size(); ++size) {
		const std::string cut(bytes, 0, size); // its own memory, so that reading on is noticed
		Record record;
		EXPECT_THROW(Reader(cut).next(record), Error) << size;
	}
	const std::string payload = bytes.substr(kHeaderSize);
	for (std::size_t size = 0; size < payload.size(); ++size)
		EXPECT_THROW(read(Kind::transaction, std::string(payload, 0, size)), Error) << size;
	EXPECT_THROW(read(Kind::transaction, payload + "x"), Error);
	EXPECT_THROW(read_header(""), Error);
}

TEST(Packed, DamagedNeverReadsOutside) {
	std::string bytes;
	Writer writer(bytes);
	writer.add(full());
	writer.add(RejectedRow{"bad", "account", "no date", "{}"});
	std::mt19937 random(5);
	for (int i = 0; i < 50000; ++i) {
		std::string damaged = bytes;
		for (auto k = random() % 3 + 1; k > 0; --k)
			damaged[random() % damaged.size()] = static_cast<char>(random());
		Record record;
		Reader reader(damaged);
		try {
			while (reader.next(record)) {
			}
		} catch (const Error &error) {
			EXPECT_EQ(error.code(), ErrorCode::internal);
		}
	}
}

} // namespace
} // namespace ob::packed
