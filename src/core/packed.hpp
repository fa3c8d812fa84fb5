// Transactions as bytes: a page's rows, packed to wait in memory or in a temporary file until they are applied. C++
// regime.
//
// A record is a header of kHeaderSize bytes (kind, payload size) and its payload, so a reader of a stream fetches the
// header first. The format lives no longer than a process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/model.hpp"

#include "core/pure.hpp"

namespace ob::packed {

enum class Kind : std::uint8_t { transaction = 1, removed = 2, rejected = 3 };

inline constexpr std::size_t kHeaderSize = 5;

struct Header {
	Kind kind = Kind::transaction;
	std::uint32_t size = 0; // bytes of the payload that follows
};

/// One record read back. Only the member that `kind` names is set; views point into the payload.
struct Record {
	Kind kind = Kind::transaction;
	Transaction transaction;
	RemovedTransaction removed;
	RejectedRow rejected;
};

/// Appends records to a string the caller owns.
class Writer {
public:
	explicit Writer(std::string &out) : out_(out) {}

	/// Throws Error(limit_exceeded) for a record of 4 GiB or more, std::bad_alloc.
	void add(const Transaction &row);
	void add(const RemovedTransaction &row);
	void add(const RejectedRow &row);

private:
	std::string &out_;
};

/// `bytes` holds exactly kHeaderSize bytes. Throws Error(internal) for a kind that does not exist.
Header read_header(std::string_view bytes);
/// `payload` holds exactly header.size bytes and outlives the record's views. Throws Error(internal) if it is damaged.
Record read(Kind kind, std::string_view payload);

/// Records one after another in memory.
class Reader {
public:
	explicit Reader(std::string_view bytes) : rest_(bytes) {}
	/// False at the end. Throws Error(internal) on damaged or truncated bytes.
	bool next(Record &record);

private:
	std::string_view rest_;
};

} // namespace ob::packed

#include "core/pure.hpp"
