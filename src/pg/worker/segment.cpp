#include "pg/worker/segment.hpp"

#include <utility>

#include "pg/guard.hpp"

namespace ob::pg::worker {

namespace {

// A request is a few kilobytes (settings, names, a sealed token); several may wait.
constexpr Size kQueueSize = 64 * 1024;

} // namespace

struct Segment::Header {
	Oid database;
};

namespace {

char *queue_at(dsm_segment *segment, int index) {
	char *base = static_cast<char *>(dsm_segment_address(segment));
	return base + MAXALIGN(64) + static_cast<Size>(index) * kQueueSize;
}

} // namespace

Segment Segment::create() {
	Segment end;
	guard([&] {
		MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
		dsm_segment *segment = dsm_create(MAXALIGN(64) + 2 * kQueueSize, 0);
		dsm_pin_mapping(segment);
		auto *head = static_cast<Header *>(dsm_segment_address(segment));
		head->database = MyDatabaseId;
		shm_mq *requests = shm_mq_create(queue_at(segment, 0), kQueueSize);
		shm_mq *replies = shm_mq_create(queue_at(segment, 1), kQueueSize);
		shm_mq_set_sender(requests, MyProc);
		shm_mq_set_receiver(replies, MyProc);
		end.out_ = shm_mq_attach(requests, segment, nullptr);
		end.in_ = shm_mq_attach(replies, segment, nullptr);
		end.segment_ = segment;
		MemoryContextSwitchTo(previous);
	});
	return end;
}

Segment Segment::attach(dsm_handle handle) {
	Segment end;
	guard([&] {
		MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
		dsm_segment *segment = dsm_attach(handle);
		if (segment == nullptr)
			ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the caller is gone")));
		dsm_pin_mapping(segment);
		auto *requests = reinterpret_cast<shm_mq *>(queue_at(segment, 0));
		auto *replies = reinterpret_cast<shm_mq *>(queue_at(segment, 1));
		shm_mq_set_receiver(requests, MyProc);
		shm_mq_set_sender(replies, MyProc);
		end.in_ = shm_mq_attach(requests, segment, nullptr);
		end.out_ = shm_mq_attach(replies, segment, nullptr);
		end.segment_ = segment;
		MemoryContextSwitchTo(previous);
	});
	return end;
}

Segment::Header *Segment::header() const {
	return static_cast<Header *>(dsm_segment_address(segment_));
}

dsm_handle Segment::handle() const {
	return dsm_segment_handle(segment_);
}
Oid Segment::database() const {
	return header()->database;
}

void Segment::expect(BackgroundWorkerHandle *worker) {
	worker_ = worker;
	shm_mq_set_handle(out_, worker);
	shm_mq_set_handle(in_, worker);
}

Segment::Sent Segment::send(const std::string &message) {
	return guard([&] {
		switch (shm_mq_send(out_, message.size(), message.data(), true, true)) {
		case SHM_MQ_SUCCESS:
			return Sent::yes;
		case SHM_MQ_WOULD_BLOCK:
			return Sent::full;
		case SHM_MQ_DETACHED:
			break;
		}
		return Sent::gone;
	});
}

Segment::Got Segment::receive(std::string *message) {
	Size size = 0;
	void *data = nullptr;
	const shm_mq_result result = guard([&] { return shm_mq_receive(in_, &size, &data, true); });
	if (result == SHM_MQ_SUCCESS) {
		message->assign(static_cast<const char *>(data), size);
		return Got::message;
	}
	return result == SHM_MQ_WOULD_BLOCK ? Got::nothing : Got::gone;
}

void Segment::close() {
	const Segment end = std::exchange(*this, Segment());
	if (!end.segment_)
		return;
	guard([&] {
		// Detaching the segment alone would leave the handles and their buffers behind.
		shm_mq_detach(end.out_);
		shm_mq_detach(end.in_);
		dsm_detach(end.segment_);
		if (end.worker_)
			pfree(end.worker_);
	});
}

} // namespace ob::pg::worker
