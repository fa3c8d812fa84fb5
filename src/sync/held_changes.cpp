// C++ regime.
#include "sync/held_changes.hpp"

#include <array>
#include <memory_resource>
#include <string_view>
#include <utility>

#include "core/pure.hpp"

namespace ob::sync {

void HeldChanges::add(const TransactionPage &page) {
	packed_.clear();
	packed::Writer writer(packed_);
	for (const Transaction &row : page.rows) {
		if (keep_raw_) {
			writer.add(row);
		} else {
			Transaction bare = row;
			bare.raw = {};
			writer.add(bare);
		}
	}
	for (const RejectedRow &row : page.rejected)
		writer.add(row);
	for (const RemovedTransaction &row : page.removed)
		writer.add(row);
	write_packed();
}

void HeldChanges::add(const RemovedTransaction &row) {
	packed_.clear();
	packed::Writer(packed_).add(row);
	write_packed();
}

void HeldChanges::write_packed() {
	if (packed_.empty())
		return;
	spool_->write(packed_);
	empty_ = false;
}

void HeldChanges::replay(RowWriter &writer, const std::function<bool(Transaction &)> &take) {
	const auto write = [&](packed::Record &record) {
		switch (record.kind) {
		case packed::Kind::transaction:
			if (take(record.transaction))
				writer.add(record.transaction);
			break;
		case packed::Kind::removed:
			writer.add(record.removed);
			break;
		case packed::Kind::rejected:
			writer.add(record.rejected);
			break;
		}
	};
	each_record(write, [&] { writer.flush(); });
}

void HeldChanges::each_row(const std::function<void(Transaction &)> &look) {
	const auto show = [&](packed::Record &record) {
		if (record.kind == packed::Kind::transaction)
			look(record.transaction);
	};
	each_record(show, [] {});
}

void HeldChanges::each_record(const std::function<void(packed::Record &)> &look,
                              const std::function<void()> &end_batch) {
	// A batch ends by the number of its records, not when one kind of them has filled the writer's: where kinds take
	// turns that never happens, and all of the loop would gather here.
	constexpr std::size_t kArena = std::size_t{512} << 10;
	const auto buffer = std::make_unique_for_overwrite<char[]>(kArena);
	std::pmr::monotonic_buffer_resource arena(buffer.get(), kArena);
	std::array<char, packed::kHeaderSize> head;
	std::size_t waiting = 0;
	spool_->rewind();
	while (spool_->read(head.data(), head.size())) {
		const packed::Header header = packed::read_header({head.data(), head.size()});
		char *payload = static_cast<char *>(arena.allocate(header.size, 1));
		if (header.size > 0 && !spool_->read(payload, header.size))
			throw Error(ErrorCode::internal, "held changes end in the middle of a record");
		packed::Record record = packed::read(header.kind, {payload, header.size});
		look(record);
		if (++waiting == RowWriter::kBatch) {
			end_batch();
			arena.release();
			waiting = 0;
		}
	}
	end_batch();
}

} // namespace ob::sync

#include "core/pure.hpp"
