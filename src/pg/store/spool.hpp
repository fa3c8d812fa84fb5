// Bytes kept for later: in memory up to a limit, beyond it in an unnamed temporary file of the server. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstddef>
#include <string>

#include "core/store.hpp"

namespace ob::pg::store {

/// The file has no name, so nothing remains of it whatever ends the process. Throws Error(limit_exceeded) when the
/// disk is full.
class FileSpool final : public Spool {
public:
	FileSpool() = default;
	FileSpool(const FileSpool &) = delete;
	FileSpool &operator=(const FileSpool &) = delete;
	~FileSpool() override;

	void write(std::string_view bytes) override;
	void rewind() override;
	bool read(char *out, std::size_t size) override;

private:
	static constexpr std::size_t kMemoryLimit = std::size_t{4} << 20;
	static constexpr std::size_t kChunk = std::size_t{256} << 10;

	void spill();
	void open_file();

	int fd_ = -1;
	bool reading_ = false;  // of a file: nothing waits to be written
	std::string buffer_;    // all bytes while there is no file; else what is not written yet, or was read ahead
	std::size_t place_ = 0; // of reading, in buffer_
};

} // namespace ob::pg::store
