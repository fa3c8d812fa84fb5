// openbanking-sandbox: the simulator as a program.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <iostream>
#include <random>
#include <string>
#include <thread>

#include <malloc.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http_server.hpp"
#include "webhook_sender.hpp"

namespace {

constexpr const char *kUsage =
    "usage: openbanking-sandbox [--listen HOST:PORT] [--tls CERT.pem KEY.pem] [--parent-pid PID] [--seconds N]\n"
    "                           [--seed N]\n"
    "\n"
    "Simulates the providers of the openbanking extension. Prints its URL as the first line and serves until it gets\n"
    "SIGTERM or SIGINT. A provider's base URL is this URL plus its path, such as /plaid; the controls are at "
    "/_control.\n"
    "\n"
    "  --listen HOST:PORT    where to listen; port 0 takes a free one (default 127.0.0.1:0)\n"
    "  --tls CERT KEY        serve https with these PEM files\n"
    "  --parent-pid PID      end when that process has ended\n"
    "  --seconds N           end after N seconds\n"
    "  --seed N              make the same ids in every run (default: different ones)\n";

struct Arguments {
	std::string host = "127.0.0.1";
	int port = 0;
	ob::sandbox::TlsFiles tls;
	bool use_tls = false;
	pid_t parent = 0;
	long seconds = 0;
	std::uint64_t seed = std::random_device{}();
};

[[noreturn]] void refuse(const std::string &what) {
	std::cerr << "openbanking-sandbox: " << what << "\n" << kUsage;
	std::exit(2);
}

Arguments read_arguments(int argc, char **argv) {
	Arguments out;
	const auto value = [&](int &i) -> std::string {
		if (i + 1 >= argc) {
			refuse(std::string(argv[i]) + " needs a value");
		}
		return argv[++i];
	};
	const auto number = [&](int &i) {
		const std::string text = value(i);
		char *end = nullptr;
		const long long parsed = std::strtoll(text.c_str(), &end, 10);
		if (text.empty() || *end != '\0' || parsed < 0) {
			refuse("not a number: " + text);
		}
		return parsed;
	};
	for (int i = 1; i < argc; ++i) {
		const std::string word = argv[i];
		if (word == "--help") {
			std::cout << kUsage;
			std::exit(0);
		} else if (word == "--listen") {
			const std::string address = value(i);
			const std::size_t colon = address.rfind(':');
			if (colon == std::string::npos) {
				refuse("--listen needs HOST:PORT");
			}
			out.host = address.substr(0, colon);
			out.port = std::atoi(address.c_str() + colon + 1);
		} else if (word == "--tls") {
			out.tls.certificate = value(i);
			out.tls.key = value(i);
			out.use_tls = true;
		} else if (word == "--parent-pid") {
			out.parent = static_cast<pid_t>(number(i));
		} else if (word == "--seconds") {
			out.seconds = static_cast<long>(number(i));
		} else if (word == "--seed") {
			out.seed = static_cast<std::uint64_t>(number(i));
		} else {
			refuse("unknown argument " + word);
		}
	}
	return out;
}

// True once the process has ended. A pidfd tells that also of one that nobody has waited for yet.
class ProcessWatch {
public:
	explicit ProcessWatch(pid_t pid) : pid_(pid) {
		if (pid_ != 0) {
			fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
		}
	}
	ProcessWatch(const ProcessWatch &) = delete;
	ProcessWatch &operator=(const ProcessWatch &) = delete;
	~ProcessWatch() {
		if (fd_ >= 0) {
			close(fd_);
		}
	}
	[[nodiscard]] bool ended() const {
		if (pid_ == 0) {
			return false;
		}
		if (fd_ < 0) {
			return kill(pid_, 0) != 0;
		}
		pollfd entry{fd_, POLLIN, 0};
		return poll(&entry, 1, 0) > 0;
	}

private:
	pid_t pid_;
	int fd_ = -1;
};

int run(const Arguments &arguments) {
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, nullptr); // before any thread, so that only this one takes them
	std::signal(SIGPIPE, SIG_IGN);

	const ProcessWatch parent(arguments.parent);
	ob::sandbox::Simulator simulator(arguments.seed);
	ob::sandbox::HttpServer server(simulator, arguments.host, arguments.port,
	                               arguments.use_tls ? &arguments.tls : nullptr);
	std::thread serving([&] { server.serve(); });
	std::cout << server.url() << std::endl;

	const ob::sandbox::WebhookSender sender(simulator);
	const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{arguments.seconds};
	for (;;) {
		const timespec pause{0, 200'000'000};
		if (sigtimedwait(&signals, nullptr, &pause) > 0 || parent.ended() ||
		    (arguments.seconds != 0 && std::chrono::steady_clock::now() >= end)) {
			break;
		}
		simulator.tick();
	}
	server.stop();
	serving.join();
	return 0;
}

} // namespace

int main(int argc, char **argv) {
	// Pages of a megabyte come and go in many threads: to keep their memory is cheaper than to fetch it anew each time.
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 1 << 25);
	mallopt(M_TRIM_THRESHOLD, 1 << 28);
	try {
		return run(read_arguments(argc, argv));
	} catch (const std::exception &error) {
		std::cerr << "openbanking-sandbox: " << error.what() << "\n";
		return 1;
	}
}
