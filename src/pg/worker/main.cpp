// The outcome worker: a background process that does, on behalf of one backend, what cannot be undone at a provider.
// C++ regime behind ob_worker_main.

#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timeout.h"
}

#include <deque>

#include "core/loop.hpp"
#include "pg/entry.hpp"
#include "pg/locks.hpp"
#include "pg/log.hpp"
#include "pg/runtime.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"
#include "pg/wait.hpp"
#include "pg/worker/message.hpp"
#include "pg/worker/operations.hpp"
#include "pg/worker/segment.hpp"
#include "pg/worker/session.hpp"
#include "pg/worker/sync_start.hpp"

namespace ob::pg::worker {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kIdleLife{30};
// One that has only counted calls: others may need its slot, and many backends read live tables.
constexpr std::chrono::milliseconds kShortLife{250};
// A provider may have acted already on a call in flight: at shutdown its answer is waited for, this long.
constexpr std::chrono::seconds kShutdownGrace{5};
constexpr int kApplyTries = 100;

/// Waits without raising for shutdown: the worker decides itself when it is safe to go.
class WorkerWaiter final : public Waiter {
public:
	std::chrono::milliseconds patience{1000};

	void wait(int fd) override {
		wait_once(fd, patience.count());
		check();
	}
	void check() override {
		guard([] {
			if (ConfigReloadPending) {
				ConfigReloadPending = false;
				ProcessConfigFile(PGC_SIGHUP);
			}
			CHECK_FOR_INTERRUPTS();
		});
	}
};

/// Settings of the caller, under which it would have made the call itself.
void take_settings(const std::vector<std::pair<std::string, std::string>> &settings) {
	transaction([&] {
		for (const auto &[name, value] : settings)
			guard([&] {
				(void)set_config_option(name.c_str(), value.c_str(), PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0,
				                        false);
			});
	});
}

class Worker final : private Poller {
public:
	explicit Worker(Segment segment) : segment_(segment), loop_(Runtime::get().reactor(), waiter_), group_(loop_) {
		Runtime::get().reactor().add(*this);
	}
	~Worker() { Runtime::get().reactor().remove(*this); }

	void run() {
		loop_.drive([&] {
			group_.reap();
			return finished();
		});
	}

private:
	void poll() noexcept override;
	bool finished();
	void accept(const std::string &message);
	static Task<void> serve(Worker *worker, Envelope envelope);
	static Task<void> caller_has_ended(VirtualTransactionId caller);
	static Task<void> apply_patiently(std::int64_t outcome);
	void reply(const Reply &reply);
	void flush();

	Segment segment_;
	WorkerWaiter waiter_;
	Loop loop_;
	TaskGroup group_;
	InFlight in_flight_;
	std::deque<std::string> outbox_;
	bool caller_gone_ = false;
	bool counts_only_ = true;
	steady_clock::time_point last_busy_ = steady_clock::now();
	std::optional<steady_clock::time_point> shutdown_since_;
};

bool Worker::finished() {
	const auto now = steady_clock::now();
	if (group_.running() > 0)
		last_busy_ = now;
	if (ShutdownRequestPending) {
		if (!shutdown_since_)
			shutdown_since_ = now;
		return in_flight_.count() == 0 || now - *shutdown_since_ > kShutdownGrace;
	}
	if (group_.running() > 0 || !outbox_.empty())
		return false;
	return caller_gone_ || now - last_busy_ > (counts_only_ ? kShortLife : kIdleLife);
}

void Worker::poll() noexcept {
	try {
		flush();
		std::string message;
		while (!caller_gone_ && !ShutdownRequestPending) {
			const Segment::Got got = segment_.receive(&message);
			if (got == Segment::Got::gone)
				caller_gone_ = true;
			if (got != Segment::Got::message)
				break;
			accept(message);
		}
	} catch (...) {
		log_failure("the worker's message queue", std::current_exception());
		caller_gone_ = true;
	}
}

void Worker::accept(const std::string &message) {
	Envelope envelope = Envelope::from_json(message);
	counts_only_ = counts_only_ && envelope.request.kind == "budget";
	waiter_.patience = counts_only_ ? kShortLife : std::chrono::milliseconds(1000);
	Task<void> task = serve(this, std::move(envelope));
	group_.spawn(std::move(task));
}

/// One request from arrival to the change it leaves behind. Never throws.
Task<void> Worker::serve(Worker *worker, Envelope envelope) {
	Reply reply;
	reply.call_id = envelope.request.call_id;
	bool answered = false;
	const auto answer = [&] {
		if (!std::exchange(answered, true))
			worker->reply(reply);
	};
	Context context;
	context.in_flight = &worker->in_flight_;
	context.answer_early = [&](const Error &error) {
		try {
			reply.error.emplace(error);
			answer();
		} catch (...) {
			log_failure("the worker's message queue", std::current_exception());
		}
	};
	const std::string kind = envelope.request.kind;
	const bool may_link = kind == "exchange" || kind == "extend" || kind == "recover";
	bool sync_then = false;
	Done done;
	try {
		take_settings(envelope.settings);
		Task<Done> operation = operate(std::move(envelope.request), &context);
		done = co_await operation;
		reply.result_json = done.result_json;
		reply.error = done.failure;
		sync_then = may_link && !done.failure && settings::sync_on_event();
	} catch (...) {
		reply.error.emplace(describe(std::current_exception()));
	}
	std::exception_ptr failure;
	try {
		answer();
		if (done.to_apply != 0 || sync_then) {
			VirtualTransactionId caller;
			compat::backend_of(caller) = envelope.backend;
			caller.localTransactionId = envelope.local_transaction;
			Task<void> ended = caller_has_ended(caller);
			co_await ended;
		}
		if (done.to_apply != 0) {
			Task<void> applied = apply_patiently(done.to_apply);
			co_await applied;
		}
		if (sync_then)
			start_sync_worker();
	} catch (...) {
		failure = std::current_exception();
	}
	if (failure)
		log_failure("outcome worker", failure);
	if (done.to_apply != 0)
		unlock_session(LockClass::outcome, done.to_apply);
}

/// The caller may hold the connection's row: its transaction is waited for before anything is done to that.
Task<void> Worker::caller_has_ended(VirtualTransactionId caller) {
	using namespace std::chrono_literals;
	auto pause = std::chrono::milliseconds(5);
	if (caller.localTransactionId == InvalidLocalTransactionId) // a worker, which had none open
		co_return;
	while (!guard([&] { return VirtualXactLock(caller, false); })) {
		Sleep sleep(pause);
		co_await sleep;
		pause = std::min<std::chrono::milliseconds>(pause * 2, 250ms);
	}
}

/// What cannot be applied for long stays recorded, and the next sync or recovery applies it.
Task<void> Worker::apply_patiently(std::int64_t outcome) {
	for (int tries = 1;; ++tries) {
		std::exception_ptr failure;
		try {
			apply(outcome);
			co_return;
		} catch (...) {
			failure = std::current_exception();
		}
		if (tries == kApplyTries)
			std::rethrow_exception(failure);
		if (tries == 1)
			log_failure("outcome " + std::to_string(outcome) + " cannot be applied yet", failure);
		Sleep sleep(std::chrono::seconds(1));
		co_await sleep;
	}
}

void Worker::reply(const Reply &reply) {
	outbox_.push_back(reply.to_json());
	flush();
}

void Worker::flush() {
	while (!outbox_.empty() && !caller_gone_) {
		const Segment::Sent sent = segment_.send(outbox_.front());
		if (sent == Segment::Sent::full)
			return;
		if (sent == Segment::Sent::gone)
			caller_gone_ = true;
		else
			outbox_.pop_front();
	}
	if (caller_gone_)
		outbox_.clear();
}

/// SIGINT is also how lock_timeout ends a wait. Nobody else cancels a worker: it has answered to no statement.
void on_interrupt(SIGNAL_ARGS) {
	if (get_timeout_indicator(LOCK_TIMEOUT, false))
		StatementCancelHandler(postgres_signal_arg);
}

void set_up_signals() {
	// Not die(): a call whose answer is being recorded must not be cut off.
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGINT, on_interrupt);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
}

} // namespace

} // namespace ob::pg::worker

extern "C" {
__attribute__((visibility("default"))) void ob_worker_main(Datum argument);
}

extern "C" void ob_worker_main(Datum argument) {
	using namespace ob::pg;
	using namespace ob::pg::worker;
	entry([&] {
		guard([] { set_up_signals(); });
		Segment segment = Segment::attach(DatumGetUInt32(argument));
		const Oid database = segment.database();
		guard([&] {
			begin_worker_session(database);
			pgstat_report_activity(STATE_IDLE, nullptr);
			// A row that a caller holds must not stop the recording of others.
			SetConfigOption("lock_timeout", "2s", PGC_SUSET, PGC_S_OVERRIDE);
			// What was done at a provider must survive a crash of the machine.
			SetConfigOption("synchronous_commit", "on", PGC_SUSET, PGC_S_OVERRIDE);
		});
		Worker worker(segment);
		worker.run();
	});
}
