// Whether a provider takes a client secret, as far as this process knows. A refused one is not sent again: providers
// lock the accounts of clients that keep trying. C++ regime.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "core/task.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// Stands before every call that sends the secret. While nobody knows whether that is good, one call goes ahead and the
/// others, of other processes too, wait for what becomes of it: a wrong one is sent once, however many want to send it.
class SecretGate {
public:
	SecretGate() = default;
	SecretGate(const SecretGate &) = delete;
	SecretGate &operator=(const SecretGate &) = delete;
	virtual ~SecretGate() = default;

	/// Leave to make one call. Whoever goes ahead and comes back without an answer lets the others go.
	class Pass {
	public:
		Pass() = default; // where there is no gate
		Pass(Pass &&other) noexcept : gate_(std::exchange(other.gate_, nullptr)), ahead_(other.ahead_) {}
		Pass &operator=(Pass &&other) noexcept {
			std::swap(gate_, other.gate_);
			std::swap(ahead_, other.ahead_);
			return *this;
		}
		~Pass();

		/// What the answer says: the provider knows the secret.
		void taken() noexcept;
		/// Or refuses it: that is recorded before this returns, and before anybody else hears of it.
		Task<void> refused(ProviderError error);

	private:
		friend class SecretGate;
		Pass(SecretGate *gate, bool ahead) : gate_(gate), ahead_(ahead) {}
		SecretGate *gate_ = nullptr;
		bool ahead_ = false;
	};

	/// Throws the refusal if the secret was refused. The gate must outlive the pass.
	Task<Pass> enter();

	/// What others have found out.
	void learn_taken() noexcept;
	void learn_refused(const ProviderError &lasting);
	/// The refusal that was recorded is so no longer.
	void forget() noexcept;

	bool is_taken() const noexcept { return taken_; }

	/// `error`, with what ends it in its hint.
	static ProviderError lasting(const ProviderError &error);

private:
	class Wait;
	class Keeping;

	/// Makes a lasting error known to every process; false if that cannot be: the next call tries it again. Throws no
	/// Error.
	virtual Task<bool> keep(ProviderError error) = 0;
	/// False while another process goes ahead. Else learns what others have found out, and this one goes ahead of them
	/// until yield().
	virtual bool lead() = 0;
	virtual void yield() noexcept = 0;
	void open() noexcept;
	void wake() noexcept;

	bool open_ = false;  // calls need not wait for each other
	bool taken_ = false; // for certain
	std::optional<ProviderError> refusal_;
	bool kept_ = false; // the refusal: every process knows
	// Loops in which a call that goes ahead, and the recording of a refusal, are awaited.
	Loop *ahead_ = nullptr;
	Loop *keeping_ = nullptr;
	std::vector<Wait *> waiting_;
};

} // namespace ob::providers

#include "core/pure.hpp"
