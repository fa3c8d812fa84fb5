// Blocks signals while a library works. C++ regime.
#pragma once

#include <csignal>

#include "core/pure.hpp"

namespace ob::http {

/// Blocks all asynchronous signals of this thread until destroyed. A thread started meanwhile inherits the mask, so
/// libcurl's resolver threads never run a signal handler of the server, and no handler interrupts libcurl's work.
class SignalBlock {
public:
	SignalBlock() noexcept {
		sigset_t all;
		sigfillset(&all);
		// A fault while these are blocked would kill the process without a word.
		for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
			sigdelset(&all, fault);
		pthread_sigmask(SIG_SETMASK, &all, &before_);
	}
	~SignalBlock() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
	SignalBlock(const SignalBlock &) = delete;
	SignalBlock &operator=(const SignalBlock &) = delete;

private:
	sigset_t before_;
};

} // namespace ob::http

#include "core/pure.hpp"
