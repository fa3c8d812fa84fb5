#include "pg/worker/client.hpp"

extern "C" {
#include "access/xact.h"
#include "postmaster/bgworker.h"
}

#include <algorithm>
#include <chrono>
#include <deque>
#include <vector>

#include "core/loop.hpp"
#include "crypto/digest.hpp"
#include "crypto/random.hpp"
#include "crypto/seal.hpp"
#include "pg/guard.hpp"
#include "pg/locks.hpp"
#include "pg/log.hpp"
#include "pg/runtime.hpp"
#include "pg/settings.hpp"
#include "pg/store/connection_changes.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/store/owner.hpp"
#include "pg/subxact.hpp"
#include "pg/worker/segment.hpp"
#include "pg/worker/steps.hpp"
#include "json/document.hpp"

namespace ob::pg::worker {

namespace {

using std::chrono::steady_clock;

constexpr int kCallTries = 3;

/// A call waiting for its reply; leaves the list when its coroutine is destroyed.
struct Waiting {
	std::string call_id;
	ReadyNode *node = nullptr;
	std::optional<Reply> reply;
	bool worker_gone = false;
};

/// This backend's connection to its worker. One per process.
class Client final : private Poller {
public:
	static Client &get() {
		static Client *client = new Client; // never destroyed: no server call while the process exits
		return *client;
	}

	/// Starts a worker if none is running; false if there is no free slot.
	bool start();
	void send(Waiting *waiting, std::string message);
	void forget(Waiting *waiting) noexcept;

private:
	void poll() noexcept override;
	void flush();
	void lose_worker() noexcept;

	struct Outgoing {
		const Waiting *from;
		std::string text;
		bool begun = false; // part of it may be in the queue already
	};

	Segment segment_;
	std::deque<Outgoing> outbox_;
	std::vector<Waiting *> waiting_;
};

/// Fills in a dynamic worker's registration. Server regime.
BackgroundWorkerHandle *register_worker(dsm_handle handle) {
	BackgroundWorker worker;
	memset(&worker, 0, sizeof worker);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	snprintf(worker.bgw_library_name, sizeof worker.bgw_library_name, "openbanking");
	snprintf(worker.bgw_function_name, sizeof worker.bgw_function_name, "ob_worker_main");
	snprintf(worker.bgw_name, sizeof worker.bgw_name, "openbanking outcome worker of %d", MyProcPid);
	snprintf(worker.bgw_type, sizeof worker.bgw_type, "openbanking outcome worker");
	worker.bgw_main_arg = UInt32GetDatum(handle);
	worker.bgw_notify_pid = MyProcPid;
	MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
	BackgroundWorkerHandle *registered = nullptr;
	if (!RegisterDynamicBackgroundWorker(&worker, &registered))
		registered = nullptr;
	MemoryContextSwitchTo(previous);
	return registered;
}

bool Client::start() {
	if (segment_.is_open())
		return true;
	Segment fresh = Segment::create();
	const dsm_handle handle = fresh.handle();
	BackgroundWorkerHandle *worker = nullptr;
	std::exception_ptr error;
	try {
		worker = guard([&] { return register_worker(handle); });
	} catch (...) {
		error = std::current_exception();
	}
	if (!worker)
		fresh.close();
	if (error)
		std::rethrow_exception(error);
	if (!worker)
		return false;
	fresh.expect(worker);
	segment_ = fresh;
	Runtime::get().reactor().add(*this);
	return true;
}

void Client::send(Waiting *waiting, std::string message) {
	waiting_.push_back(waiting);
	outbox_.push_back({waiting, std::move(message)});
	flush();
}

/// A request that has not begun to go out is withdrawn with its statement.
void Client::forget(Waiting *waiting) noexcept {
	std::erase(waiting_, waiting);
	std::erase_if(outbox_, [&](const Outgoing &message) { return message.from == waiting && !message.begun; });
}

void Client::flush() {
	while (!outbox_.empty() && segment_.is_open()) {
		outbox_.front().begun = true;
		const Segment::Sent sent = segment_.send(outbox_.front().text);
		if (sent == Segment::Sent::full)
			return;
		if (sent == Segment::Sent::gone) {
			lose_worker();
			return;
		}
		outbox_.pop_front();
	}
}

void Client::poll() noexcept {
	try {
		flush();
		std::string message;
		while (segment_.is_open()) {
			const Segment::Got got = segment_.receive(&message);
			if (got == Segment::Got::nothing)
				return;
			if (got == Segment::Got::gone) {
				lose_worker();
				return;
			}
			Reply reply = Reply::from_json(message);
			for (Waiting *waiting : waiting_) {
				if (waiting->call_id != reply.call_id)
					continue;
				waiting->reply.emplace(std::move(reply));
				waiting->node->wake();
				break;
			}
		}
	} catch (...) {
		lose_worker();
	}
}

/// The worker has ended: by itself after a quiet time, or by dying. Each waiting call finds out which.
void Client::lose_worker() noexcept {
	try {
		segment_.close();
	} catch (...) {
		segment_ = Segment();
	}
	Runtime::get().reactor().remove(*this);
	outbox_.clear();
	for (Waiting *waiting : waiting_) {
		waiting->worker_gone = true;
		waiting->node->wake();
	}
}

/// `co_await` sends a request and waits for its reply or the worker's end.
class Exchange {
public:
	Exchange(std::string call_id, std::string message) : message_(std::move(message)) {
		waiting_.call_id = std::move(call_id);
	}
	Exchange(const Exchange &) = delete;
	Exchange &operator=(const Exchange &) = delete;
	~Exchange() { Client::get().forget(&waiting_); }

	bool await_ready() const noexcept { return false; }
	template <class Promise>
	void await_suspend(std::coroutine_handle<Promise> handle) {
		waiting_.node = &handle.promise().node;
		Client::get().send(&waiting_, std::move(message_));
	}
	/// Nothing if the worker ended without a reply.
	std::optional<Reply> await_resume() { return std::move(waiting_.reply); }

private:
	std::string message_;
	Waiting waiting_;
};

/// Waits for a free worker slot up to claim_timeout.
Task<void> start_worker() {
	using namespace std::chrono_literals;
	const auto deadline = steady_clock::now() + settings::claim_timeout();
	while (!Client::get().start()) {
		if (steady_clock::now() >= deadline)
			throw Error(ErrorCode::no_worker, "no background worker slot is free, so no call was made",
			            "waited " + std::to_string(settings::claim_timeout().count()) + " ms",
			            "Raise max_worker_processes, or try again later.");
		Sleep pause(50ms);
		co_await pause;
	}
}

std::string make_envelope(const Request &request) {
	Envelope envelope;
	VirtualTransactionId mine = compat::my_virtual_transaction();
	envelope.backend = compat::backend_of(mine);
	envelope.local_transaction = mine.localTransactionId;
	envelope.settings = settings::snapshot();
	envelope.request = request;
	return envelope.to_json();
}

/// A process that has no transaction open is a worker itself.
void as_owner(const std::function<void()> &body) {
	if (guard([] { return IsTransactionState(); }))
		store::as_owner(body);
	else
		record(body);
}

std::optional<store::Outcome> read_outcome(const std::string &call_id) {
	std::optional<store::Outcome> outcome;
	as_owner([&] { outcome = store::read_outcome(call_id); });
	return outcome;
}

Task<std::string> request_recovery(std::int64_t outcome) {
	Request request;
	request.kind = "recover";
	request.outcomes = {outcome};
	Task<std::string> task = call(std::move(request));
	co_return co_await task;
}

/// What became of a call whose worker ended without a reply; nothing if it never began. Another worker carries on what
/// the dead one left.
Task<std::optional<std::string>> find_out(std::string call_id) {
	std::optional<store::Outcome> outcome = read_outcome(call_id);
	if (outcome && (outcome->phase == "intent" || outcome->phase == "answered")) {
		Task<std::string> recovery = request_recovery(outcome->id);
		try {
			(void)co_await recovery;
		} catch (const Error &error) {
			// "No call was made" would be true of the recovery, not of what the caller asked for.
			if (error.code() != ErrorCode::no_worker)
				throw;
		}
		outcome = read_outcome(call_id);
	}
	if (!outcome)
		co_return std::nullopt;
	if (outcome->phase == "done" || outcome->phase == "recorded")
		co_return outcome->result_json;
	if (outcome->phase == "failed")
		throw store::error_from_json(outcome->failure_json);
	throw Error(ErrorCode::outcome_unknown, "the outcome at the provider is not known yet",
	            "server: " + outcome->server + ", outcome: " + std::to_string(outcome->id),
	            "ob.link_status or the next ob.sync_due finds out.");
}

} // namespace

Task<void> ready() {
	Task<void> started = start_worker();
	co_await started;
}

Task<std::string> call(Request request) {
	if (request.call_id.empty())
		request.call_id = crypto::uuid4();
	as_owner([&] { request.acting_json = store::acting(); });
	// A worker may end, idle, just as the request is on its way: then it never began and may be sent again.
	for (int tries = 0; tries < kCallTries; ++tries) {
		Task<void> started = start_worker();
		co_await started;
		Exchange exchange(request.call_id, make_envelope(request));
		std::optional<Reply> reply = co_await exchange;
		if (reply && reply->error)
			throw *reply->error;
		if (reply)
			co_return reply->result_json;
		Task<std::optional<std::string>> found = find_out(request.call_id);
		if (std::optional<std::string> result = co_await found)
			co_return *result;
	}
	throw Error(ErrorCode::no_worker, "the outcome worker could not do its work, so no call was made", {},
	            "See the server log.");
}

Request request_for(std::string_view kind, const store::LoadedServer &server, std::string_view mapping_role) {
	Request request;
	request.kind = kind;
	request.call_id = crypto::uuid4();
	request.server = server.config->name;
	request.server_version = server.version;
	request.mapping_role = mapping_role;
	return request;
}

std::string grant_digest(const providers::LinkGrant &grant) {
	return crypto::sha256_hex(grant.value.reveal());
}

void put_grant(Request *request, const providers::LinkGrant &grant) {
	request->grant_kind = grant.kind;
	request->grant_digest = grant_digest(grant);
	request->sealed_grant = crypto::seal(store::load_keys(), grant.value.reveal(), outcome_place(request->call_id));
}

bool is_busy(std::string_view result_json) {
	return json::Document::parse(result_json).boolean("busy").value_or(false);
}

Task<void> record_failure(store::Connection connection, SyncFailure failure, Timestamp begun) {
	Request request;
	request.kind = "failure";
	request.server = connection.server;
	request.mapping_role = connection.mapping_role;
	request.connection = connection.id;
	request.failure_json = store::failure_to_json(failure, begun);
	std::exception_ptr trouble;
	try {
		Task<std::string> task = call(std::move(request));
		(void)co_await task;
	} catch (const Error &) {
		trouble = std::current_exception();
	}
	if (trouble)
		log_failure("failure of connection " + std::to_string(connection.id) + " could not be recorded", trouble);
}

Task<void> commit_audit(store::AuditLine line) {
	json::Object facts;
	facts.set("action", line.action).set_if("request_id", line.request_id).set("success", line.success);
	facts.set_if("details", line.details_json);
	Request request;
	request.kind = "audit";
	request.server = line.server;
	request.connection = line.connection;
	request.user_ref = line.user_ref;
	request.user_ip = line.user_ip;
	request.line_json = facts.dump();
	Task<std::string> task = call(std::move(request));
	(void)co_await task;
}

Task<void> commit_audit_surely(store::AuditLine line) {
	bool recorded = true;
	try {
		Task<void> task = commit_audit(line);
		co_await task;
	} catch (const Error &) {
		recorded = false;
	}
	if (!recorded)
		store::as_owner([&] { store::audit(line); });
}

Task<bool> recover(std::optional<ConnectionId> connection, std::string link_id) {
	store::OutcomeFilter filter;
	filter.connection = connection;
	filter.link_id = std::move(link_id);
	std::vector<std::int64_t> open;
	// Whoever is cancelled in it may go on with the transaction.
	subtransaction([&] { store::as_owner([&] { open = store::open_outcomes(filter); }); });
	std::erase_if(open, [](std::int64_t id) { return is_locked(LockClass::outcome, id); });
	if (open.empty())
		co_return false;
	Request request;
	request.kind = "recover";
	request.outcomes = std::move(open);
	Task<std::string> task = call(std::move(request));
	(void)co_await task;
	co_return true;
}

} // namespace ob::pg::worker
