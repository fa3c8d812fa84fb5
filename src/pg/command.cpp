#include "pg/command.hpp"

extern "C" {
#include "postmaster/interrupt.h"

#include <sys/pidfd.h> // glibc 2.36 does not say itself that it is C
}

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "core/error.hpp"
#include "core/loop.hpp"
#include "pg/runtime.hpp"

namespace ob::pg {

namespace {

constexpr std::size_t kMaxPipe = 64 * 1024; // what a pipe holds at once

void require(bool good, int error) {
	if (!good)
		throw Error(ErrorCode::internal, "a command could not be started", std::generic_category().message(error));
}

class Descriptor {
public:
	Descriptor() = default;
	explicit Descriptor(int fd) : fd_(fd) {}
	Descriptor(Descriptor &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	Descriptor &operator=(Descriptor &&other) noexcept {
		std::swap(fd_, other.fd_);
		return *this;
	}
	~Descriptor() {
		if (fd_ >= 0)
			close(fd_);
	}
	int get() const { return fd_; }

private:
	int fd_ = -1;
};

struct Pipe {
	Pipe() {
		int ends[2];
		require(pipe2(ends, O_CLOEXEC) == 0, errno);
		read = Descriptor(ends[0]);
		write = Descriptor(ends[1]);
		require(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0, errno);
	}
	Descriptor read, write;
};

// ---- the process ----

/// How the process is to be started: nothing of ours but the pipes, and signals as a fresh process has them.
class SpawnPlan {
public:
	SpawnPlan(const Pipe &output, const Pipe &errors) {
		posix_spawnattr_init(&attributes);
		posix_spawn_file_actions_init(&files);
		sigset_t all, none;
		sigfillset(&all);
		sigemptyset(&none);
		posix_spawnattr_setsigdefault(&attributes, &all);
		posix_spawnattr_setsigmask(&attributes, &none);
		posix_spawnattr_setpgroup(&attributes, 0);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
		int rc = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
		rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, output.write.get(), STDOUT_FILENO);
		rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, errors.write.get(), STDERR_FILENO);
		rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
		complete = rc;
	}
	SpawnPlan(const SpawnPlan &) = delete;
	SpawnPlan &operator=(const SpawnPlan &) = delete;
	~SpawnPlan() {
		posix_spawn_file_actions_destroy(&files);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t files;
	int complete;
};

/// The shell and what it starts. Whoever lets go of it before it has ended kills the whole group.
class Process {
public:
	Process(const std::string &command, const Pipe &output, const Pipe &errors) {
		const SpawnPlan plan(output, errors);
		require(plan.complete == 0, plan.complete);
		std::string shell = "sh", option = "-c", text = command;
		char *const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
		const int rc = posix_spawn(&pid_, "/bin/sh", &plan.files, &plan.attributes, arguments, environ);
		require(rc == 0, rc);
	}
	Process(const Process &) = delete;
	Process &operator=(const Process &) = delete;
	~Process() {
		if (status_)
			return;
		kill(-pid_, SIGKILL);
		while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
		}
	}
	pid_t id() const { return pid_; }
	/// How it ended; nothing while it runs.
	std::optional<int> ended() {
		int status = 0;
		if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_)
			status_ = status;
		return status_;
	}

private:
	pid_t pid_ = 0;
	std::optional<int> status_;
};

// ---- waiting for it ----

/// `co_await news`: resumes when a watched descriptor is ready, or once the time is over.
class News final : public FdHandler, private Timer {
public:
	News(Reactor &reactor, std::chrono::milliseconds time_limit) {
		reactor.start(*this, std::chrono::steady_clock::now() + time_limit);
	}
	bool late() const { return late_; }
	bool await_ready() const noexcept { return late_; }
	template <class Promise>
	void await_suspend(std::coroutine_handle<Promise> handle) noexcept {
		node_ = &handle.promise().node;
	}
	void await_resume() noexcept { node_ = nullptr; }
	void on_ready(int, std::uint32_t) noexcept override { wake(); }

private:
	void on_time() noexcept override {
		late_ = true;
		wake();
	}
	void wake() noexcept {
		if (node_)
			node_->wake();
	}

	ReadyNode *node_ = nullptr;
	bool late_ = false;
};

class Watch {
public:
	Watch(Reactor &reactor, const Descriptor &descriptor, News &news) : reactor_(reactor), fd_(descriptor.get()) {
		reactor_.watch(fd_, EPOLLIN, news);
	}
	Watch(const Watch &) = delete;
	Watch &operator=(const Watch &) = delete;
	~Watch() { reactor_.unwatch(fd_); }

private:
	Reactor &reactor_;
	int fd_;
};

/// What the process writes to one of its outputs.
class Stream {
public:
	Stream(Reactor &reactor, Descriptor descriptor, News &news) : descriptor_(std::move(descriptor)) {
		watch_.emplace(reactor, descriptor_, news);
	}
	/// Hands over what has come so far. An output that was closed is not watched any more: it would be ready for ever.
	template <class Take>
	void drain(Take &&take) {
		std::array<char, 4096> chunk;
		ssize_t count;
		while ((count = read(descriptor_.get(), chunk.data(), chunk.size())) > 0)
			if (!take(std::string_view(chunk.data(), static_cast<std::size_t>(count))))
				break;
		wipe(chunk.data(), chunk.size());
		if (count == 0)
			watch_.reset();
	}

private:
	Descriptor descriptor_;
	std::optional<Watch> watch_;
};

/// As the process's own waiter, and in a worker that is told to go the command ends too.
class CommandWaiter final : public Waiter {
public:
	explicit CommandWaiter(Waiter &waiter) : waiter_(waiter) {}
	void wait(int fd) override {
		waiter_.wait(fd);
		check();
	}
	void check() override {
		waiter_.check();
		if (ShutdownRequestPending)
			throw Error(ErrorCode::internal, "a command was ended because the server shuts down");
	}

private:
	Waiter &waiter_;
};

Task<CommandResult> run(std::string command, std::size_t most_output, std::chrono::milliseconds time_limit) {
	Loop &loop = co_await ThisLoop();
	Reactor &reactor = loop.reactor();
	Pipe output_pipe, error_pipe;
	Process process(command, output_pipe, error_pipe);
	output_pipe.write = Descriptor();
	error_pipe.write = Descriptor();
	const Descriptor handle(pidfd_open(process.id(), 0));
	require(handle.get() >= 0, errno);

	News news(reactor, time_limit);
	Stream output(reactor, std::move(output_pipe.read), news);
	Stream errors(reactor, std::move(error_pipe.read), news);
	const Watch watch(reactor, handle, news);
	CommandResult result;
	for (;;) {
		// In this order: what it wrote before it ended is there.
		const std::optional<int> status = process.ended();
		output.drain([&](std::string_view bytes) {
			result.output.append(bytes);
			return result.output.size() <= most_output;
		});
		// A stream that never ends must not keep us from looking at the clock.
		const std::size_t errors_enough = result.errors + kMaxPipe;
		errors.drain([&](std::string_view bytes) { return (result.errors += bytes.size()) < errors_enough; });
		if (result.output.size() > most_output)
			result.end = CommandResult::End::too_long;
		else if (status)
			result.status = *status;
		else if (news.late())
			result.end = CommandResult::End::timed_out;
		else {
			co_await news;
			continue;
		}
		co_return result;
	}
}

} // namespace

CommandResult run_command(const std::string &command, std::size_t most_output, std::chrono::milliseconds time_limit) {
	Runtime &runtime = Runtime::get();
	CommandWaiter waiter(runtime.waiter());
	Loop loop(runtime.reactor(), waiter);
	return loop.run(run(command, most_output, time_limit));
}

} // namespace ob::pg
