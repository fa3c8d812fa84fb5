// C++ regime.
#include "providers/secret_gate.hpp"

#include <coroutine>
#include <string>

#include "core/pure.hpp"

namespace ob::providers {

namespace {

// A provider that takes longer to answer holds up nobody else.
constexpr std::chrono::seconds kPatience{5};
// How often another process's call is looked after.
constexpr std::chrono::milliseconds kLookEvery{20};

} // namespace

/// `co_await` it: resumes when something is known, or after a while.
class SecretGate::Wait final : private Timer {
public:
	explicit Wait(SecretGate &gate) : gate_(gate) {}
	~Wait() override { std::erase(gate_.waiting_, this); }
	bool await_ready() const noexcept { return false; }
	template <class Promise>
	void await_suspend(std::coroutine_handle<Promise> handle) {
		node_ = &handle.promise().node;
		node_->loop()->reactor().start(*this, std::chrono::steady_clock::now() + kPatience);
		gate_.waiting_.push_back(this);
	}
	void await_resume() const noexcept {}
	void wake() noexcept { node_->wake(); }

private:
	void on_time() noexcept override { wake(); }

	SecretGate &gate_;
	ReadyNode *node_ = nullptr;
};

class SecretGate::Keeping {
public:
	Keeping(SecretGate &gate, Loop &loop) : gate_(gate) { gate_.keeping_ = &loop; }
	Keeping(const Keeping &) = delete;
	Keeping &operator=(const Keeping &) = delete;
	~Keeping() {
		gate_.keeping_ = nullptr;
		gate_.wake();
	}

private:
	SecretGate &gate_;
};

// What is awaited in another loop does not come about before this one has ended: nobody waits for that.
Task<SecretGate::Pass> SecretGate::enter() {
	Loop &loop = co_await ThisLoop();
	const auto deadline = std::chrono::steady_clock::now() + kPatience;
	while (keeping_ == &loop ||
	       (!open_ && !refusal_ && ahead_ == &loop && std::chrono::steady_clock::now() < deadline)) {
		Wait wait(*this);
		co_await wait;
	}
	const bool ahead = !open_ && !refusal_ && !ahead_;
	Pass pass(this, ahead);
	if (ahead) {
		ahead_ = &loop;
		while (!lead() && std::chrono::steady_clock::now() < deadline) {
			Sleep pause(kLookEvery);
			co_await pause;
		}
	}
	if (!refusal_)
		co_return std::move(pass);
	if (!kept_ && !keeping_) { // that failed
		const Keeping keeping(*this, loop);
		kept_ = co_await keep(*refusal_);
	}
	throw ProviderError(refusal_->code(), refusal_->reaction(), refusal_->provider_code(), refusal_->message(),
	                    refusal_->detail() + ", not sent again since", refusal_->hint());
}

void SecretGate::learn_taken() noexcept {
	if (refusal_ && !kept_)
		return; // found out here, and others do not know it yet
	refusal_.reset();
	taken_ = true;
	open();
}

void SecretGate::learn_refused(const ProviderError &lasting) {
	refusal_.emplace(lasting);
	kept_ = true;
	open_ = taken_ = false;
	wake();
}

void SecretGate::forget() noexcept {
	if (!refusal_ || !kept_)
		return;
	refusal_.reset();
	kept_ = false;
}

ProviderError SecretGate::lasting(const ProviderError &error) {
	return ProviderError(error.code(), error.reaction(), error.provider_code(), error.message(), error.detail(),
	                     error.hint() + " It is sent again when the user mapping has changed, or after "
	                                    "ob.retry_credentials.");
}

void SecretGate::open() noexcept {
	open_ = true;
	wake();
}

void SecretGate::wake() noexcept {
	for (Wait *wait : waiting_)
		wait->wake();
}

// ---- Pass ----

SecretGate::Pass::~Pass() {
	if (!gate_ || !ahead_)
		return;
	gate_->ahead_ = nullptr;
	gate_->yield();
	if (!gate_->refusal_)
		gate_->open();
}

void SecretGate::Pass::taken() noexcept {
	if (gate_ && !gate_->refusal_) {
		gate_->taken_ = true;
		gate_->open();
	}
}

Task<void> SecretGate::Pass::refused(ProviderError error) {
	Loop &loop = co_await ThisLoop();
	SecretGate *gate = gate_;
	if (!gate)
		co_return;
	if (!gate->refusal_) {
		gate->learn_refused(lasting(error));
		gate->kept_ = false;
		const Keeping keeping(*gate, loop);
		gate->kept_ = co_await gate->keep(*gate->refusal_);
	}
	// Whoever raises it ends the statement, and the recording with it.
	while (gate->keeping_ == &loop) {
		Wait wait(*gate);
		co_await wait;
	}
}

} // namespace ob::providers

#include "core/pure.hpp"
