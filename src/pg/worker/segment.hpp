// The shared memory between a caller and its worker: two message queues. Nothing of a process (handles, fds) and no
// clear secret is in it. C++ regime.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/shm_mq.h"
}

#include <optional>
#include <string>

namespace ob::pg::worker {

/// One end of the connection.
class Segment {
public:
	/// Makes the segment and this process the caller's end.
	static Segment create();
	/// Becomes the worker's end. Server regime is not needed: throws ServerError.
	static Segment attach(dsm_handle handle);

	Segment() = default;
	bool is_open() const { return segment_ != nullptr; }
	dsm_handle handle() const;
	/// The caller's end only: lets receiving notice that the worker could not start.
	void expect(BackgroundWorkerHandle *worker);
	/// The database that the worker connects to.
	Oid database() const;

	enum class Sent { yes, full, gone };
	Sent send(const std::string &message);
	enum class Got { message, nothing, gone };
	Got receive(std::string *message);
	void close();

private:
	struct Header;
	Header *header() const;

	dsm_segment *segment_ = nullptr;
	shm_mq_handle *out_ = nullptr;
	shm_mq_handle *in_ = nullptr;
	BackgroundWorkerHandle *worker_ = nullptr;
};

} // namespace ob::pg::worker
