#include "pg/store/spool.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.hpp"
#include "pg/guard.hpp"

namespace ob::pg::store {

namespace {

// The server's own place for temporary files; a backend's working directory is the data directory.
constexpr const char *kDirectory = "base/pgsql_tmp";

[[noreturn]] void fail(const char *what) {
	throw Error(ErrorCode::limit_exceeded, std::string("could not ") + what + " a temporary file", std::strerror(errno),
				"Check the free space in the data directory.");
}

} // namespace

FileSpool::~FileSpool() {
	if (fd_ >= 0)
		close(fd_);
}

void FileSpool::write(std::string_view bytes) {
	buffer_.append(bytes);
	if (buffer_.size() >= (fd_ < 0 ? kMemoryLimit : kChunk))
		spill();
}

void FileSpool::rewind() {
	place_ = 0;
	if (fd_ < 0)
		return;
	if (reading_)
		buffer_.clear(); // a reader that stopped half-way has left it
	else
		spill();
	reading_ = true;
	if (lseek(fd_, 0, SEEK_SET) != 0)
		fail("read");
}

bool FileSpool::read(char *out, std::size_t size) {
	std::size_t done = 0;
	while (done < size) {
		if (place_ == buffer_.size()) {
			if (fd_ < 0)
				break;
			// Rows that are stored already are passed over without a statement.
			guard([] { CHECK_FOR_INTERRUPTS(); });
			buffer_.resize(kChunk);
			const ssize_t count = ::read(fd_, buffer_.data(), buffer_.size());
			if (count < 0)
				fail("read");
			buffer_.resize(static_cast<std::size_t>(count));
			place_ = 0;
			if (count == 0)
				break;
		}
		const std::size_t part = std::min(size - done, buffer_.size() - place_);
		std::memcpy(out + done, buffer_.data() + place_, part);
		place_ += part;
		done += part;
	}
	if (done != 0 && done != size)
		throw Error(ErrorCode::internal, "a temporary file ended too early");
	return done == size;
}

void FileSpool::spill() {
	if (fd_ < 0)
		open_file();
	std::size_t done = 0;
	while (done < buffer_.size()) {
		const ssize_t count = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			fail("write");
		done += static_cast<std::size_t>(count);
	}
	buffer_.clear();
	place_ = 0;
	buffer_.shrink_to_fit();
}

void FileSpool::open_file() {
	mkdir(kDirectory, S_IRWXU);
	fd_ = open(kDirectory, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd_ >= 0)
		return;
	// Some file systems have no unnamed files.
	std::string name = std::string(kDirectory) + "/pgsql_tmp.openbanking.XXXXXX";
	fd_ = mkostemp(name.data(), O_CLOEXEC);
	if (fd_ < 0)
		fail("create");
	unlink(name.c_str());
}

} // namespace ob::pg::store
