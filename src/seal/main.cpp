// openbanking-seal: seals a secret for a user mapping outside of the database, so that it never stands in SQL.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <getopt.h>
#include <optional>
#include <string>
#include <termios.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/secret.hpp"
#include "crypto/secret_file.hpp"
#include "providers/sealed_option.hpp"

#include "core/pure.hpp"

namespace {

using namespace ob;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr const char *kHelp =
    R"(openbanking-seal: seals a secret for a user mapping of the PostgreSQL extension openbanking

Usage:
  openbanking-seal --key-file FILE --server NAME --option NAME [--check] < SECRET

Reads the secret from standard input, without its last line break; from a terminal it is asked for and not shown.
Prints its sealed form, which opens only as that option of a user mapping for that server:

  CREATE USER MAPPING FOR app SERVER plaid OPTIONS (client_id '…', client_secret 'obsealed:v1:…');

Options:
  -k, --key-file FILE   the file that openbanking.key_file names; its first key seals. Run as an account that may
                        read it: the server's, or root if it belongs to root
  -s, --server NAME     name of the foreign server
  -o, --option NAME     name of the option, such as client_secret
  -c, --check           reads a sealed value instead and says whether it opens, and with which key
  -h, --help            this text

Exit status: 0 done, 1 failed, 2 wrong usage.
)";

struct Arguments {
	std::string key_file, server, option;
	bool check = false;
};

[[noreturn]] void usage(const std::string &what) {
	std::fprintf(stderr, "openbanking-seal: %s\nTry openbanking-seal --help.\n", what.c_str());
	std::exit(kUsage);
}

Arguments read_arguments(int argc, char **argv) {
	constexpr std::array kOptions = {
	    option{"key-file", required_argument, nullptr, 'k'}, option{"server", required_argument, nullptr, 's'},
	    option{"option", required_argument, nullptr, 'o'},   option{"check", no_argument, nullptr, 'c'},
	    option{"help", no_argument, nullptr, 'h'},           option{nullptr, 0, nullptr, 0}};
	Arguments arguments;
	for (int letter; (letter = getopt_long(argc, argv, "k:s:o:ch", kOptions.data(), nullptr)) != -1;) {
		switch (letter) {
		case 'k':
			arguments.key_file = optarg;
			break;
		case 's':
			arguments.server = optarg;
			break;
		case 'o':
			arguments.option = optarg;
			break;
		case 'c':
			arguments.check = true;
			break;
		case 'h':
			std::fputs(kHelp, stdout);
			std::exit(0);
		default:
			std::fputs("Try openbanking-seal --help.\n", stderr);
			std::exit(kUsage);
		}
	}
	// Not repeated: it may be the secret.
	if (optind < argc)
		usage("the secret comes from standard input, not from the command line");
	if (arguments.key_file.empty() || arguments.server.empty() || arguments.option.empty())
		usage("--key-file, --server and --option are needed");
	return arguments;
}

// ---- the secret ----

volatile std::sig_atomic_t caught = 0;

/// A terminal that shows nothing of what is typed, also when the typing is interrupted.
class Silence {
public:
	Silence() {
		struct sigaction action {};
		action.sa_handler = [](int number) { caught = number; };
		for (std::size_t i = 0; i < kSignals.size(); ++i)
			sigaction(kSignals[i], &action, &before_[i]);
		if (tcgetattr(STDIN_FILENO, &terminal_) != 0)
			return;
		termios silent = terminal_;
		silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
		silent.c_lflag |= ECHONL;
		changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
	}
	Silence(const Silence &) = delete;
	Silence &operator=(const Silence &) = delete;
	~Silence() {
		if (changed_)
			tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_);
		for (std::size_t i = 0; i < kSignals.size(); ++i)
			sigaction(kSignals[i], &before_[i], nullptr);
		if (caught)
			raise(caught);
	}
	bool holds() const { return changed_; }

private:
	static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};
	termios terminal_{};
	std::array<struct sigaction, kSignals.size()> before_{};
	bool changed_ = false;
};

[[noreturn]] void refuse_input(const char *message) {
	throw Error(ErrorCode::invalid_argument, message);
}

/// All of standard input, of a terminal one line; without the last line break.
Secret read_input() {
	const bool terminal = isatty(STDIN_FILENO);
	std::optional<Silence> silence;
	if (terminal) {
		silence.emplace();
		if (!silence->holds())
			refuse_input("the terminal cannot be kept from showing the secret");
		std::fputs("Secret (not shown): ", stderr);
	}
	WipedString text;
	std::array<char, 4096> chunk;
	ssize_t count = 0;
	while (!(terminal && text.ends_with('\n')) && text.size() <= crypto::kMaxSecretSize &&
	       (count = read(STDIN_FILENO, chunk.data(), chunk.size())) > 0)
		text.append(chunk.data(), static_cast<std::size_t>(count));
	wipe(chunk.data(), chunk.size());
	silence.reset();
	if (count < 0)
		refuse_input("standard input cannot be read");
	if (text.size() > crypto::kMaxSecretSize)
		refuse_input("the secret is longer than 64 kB");
	if (text.ends_with('\n'))
		text.pop_back();
	if (text.ends_with('\r'))
		text.pop_back();
	return Secret(std::move(text));
}

// ---- sealing ----

void check(const crypto::KeyRing &keys, const Arguments &arguments, const Secret &input) {
	const std::optional<std::string> sealed = crypto::from_text(input.reveal());
	if (!sealed)
		refuse_input("this is no sealed value");
	(void)crypto::unseal(keys, *sealed, providers::option_place(arguments.server, arguments.option), "value");
	std::printf("opens with key \"%s\"\n", crypto::sealed_key_id(*sealed).value().c_str());
}

void run(const Arguments &arguments) {
	// Before anything is asked for: a key that cannot be read should not cost the user a secret typed in vain.
	const crypto::KeyRing keys =
	    crypto::KeyRing::parse(crypto::read_secret_file(arguments.key_file, "key file", "option: --key-file"));
	const Secret input = read_input();
	if (arguments.check)
		check(keys, arguments, input);
	else
		std::puts(providers::seal_option(keys, arguments.server, arguments.option, input.reveal()).c_str());
	if (std::fflush(stdout) != 0)
		throw Error(ErrorCode::internal, "the result could not be written");
}

} // namespace

int main(int argc, char **argv) {
	const Arguments arguments = read_arguments(argc, argv);
	try {
		run(arguments);
	} catch (const Error &error) {
		std::fprintf(stderr, "openbanking-seal: %s\n", error.message().c_str());
		for (const std::string &more : {error.detail(), error.hint()})
			if (!more.empty())
				std::fprintf(stderr, "  %s\n", more.c_str());
		return kFailed;
	} catch (const std::exception &error) {
		std::fprintf(stderr, "openbanking-seal: %s\n", error.what());
		return kFailed;
	}
	return 0;
}

#include "core/pure.hpp"
