#include "pg/store/keys.hpp"

extern "C" {
#include "utils/timestamp.h"
}

#include <chrono>
#include <optional>
#include <sys/wait.h>
#include <utility>
#include <variant>

#include "core/error.hpp"
#include "crypto/secret_file.hpp"
#include "pg/command.hpp"
#include "pg/settings.hpp"

namespace ob::pg::store {

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kCommandLimit = 10s;
constexpr auto kKeptFor = 60s;
// A statement that needs keys for a thousand banks must not wait for a command that hangs, or one that does not know a
// key, once for each of them.
constexpr auto kFailureKeptFor = 5s;
constexpr auto kAskedAgainAfter = 1s;

/// What became of the key command when it last ran.
struct Kept {
	std::string command;
	TimestampTz configured; // when the settings were last reloaded
	steady_clock::time_point asked;
	std::variant<crypto::KeyRing, Error> answer;

	bool good_for(const std::string &wanted) const {
		const auto age = steady_clock::now() - asked;
		const bool failed = std::holds_alternative<Error>(answer);
		return command == wanted && configured == PgReloadTime && age < (failed ? kFailureKeptFor : kKeptFor);
	}
};
std::optional<Kept> kept;

std::string counts(const CommandResult &result) {
	return std::to_string(result.output.size()) + " bytes of output, " + std::to_string(result.errors) +
	       " bytes of error output";
}

std::string how_it_ended(int status) {
	return WIFEXITED(status) ? "exit status " + std::to_string(WEXITSTATUS(status))
	                         : "ended by signal " + std::to_string(WTERMSIG(status));
}

crypto::KeyRing run_key_command(const std::string &command) {
	const auto refuse = [](const char *why, const std::string &more) {
		throw Error(ErrorCode::not_configured, std::string("the key command ") + why,
		            "setting: openbanking.key_command, " + more,
		            "Run it by hand as the server's account: it must print lines of id:base64 and exit with 0. What it "
		            "prints is never logged.");
	};
	const CommandResult result = run_command(command, crypto::kMaxSecretSize, kCommandLimit);
	switch (result.end) {
	case CommandResult::End::too_long:
		refuse("printed too much", "limit: 64 kB");
		break;
	case CommandResult::End::timed_out:
		refuse("did not end in time and was killed",
		       "limit: " + std::to_string(kCommandLimit.count()) + " seconds, " + counts(result));
		break;
	case CommandResult::End::exited:
		if (result.status != 0)
			refuse("failed", how_it_ended(result.status) + ", " + counts(result));
	}
	return crypto::KeyRing::parse(result.output, "output of the key command");
}

std::variant<crypto::KeyRing, Error> ask(const std::string &command) {
	try {
		return run_key_command(command);
	} catch (const Error &error) {
		return error;
	}
}

const crypto::KeyRing &keys_of_command(const std::string &command) {
	if (!kept || !kept->good_for(command)) {
		kept.reset();
		auto answer = ask(command);
		kept.emplace(Kept{command, PgReloadTime, steady_clock::now(), std::move(answer)});
	}
	if (const Error *error = std::get_if<Error>(&kept->answer))
		throw *error;
	return std::get<crypto::KeyRing>(kept->answer);
}

} // namespace

bool keys_configured() {
	return settings::key_file()[0] != '\0' || settings::key_command()[0] != '\0';
}

crypto::KeyRing load_keys() {
	const std::string file = settings::key_file();
	const std::string command = settings::key_command();
	if (!file.empty() && !command.empty())
		throw Error(ErrorCode::not_configured, "there are two sources of keys",
		            "openbanking.key_file and openbanking.key_command are both set", "Unset one of them.");
	if (!command.empty())
		return keys_of_command(command);
	kept.reset();
	if (file.empty())
		throw Error(ErrorCode::not_configured, "no key to seal secrets with",
		            "neither openbanking.key_file nor openbanking.key_command is set: nothing is stored in clear",
		            "Make a key with: (umask 077; echo \"1:$(openssl rand -base64 32)\" > /path/to/keys), owned by the "
		            "server's account; then set openbanking.key_file to that path.");
	const WipedString text = crypto::read_secret_file(file, "key file", "setting: openbanking.key_file");
	return crypto::KeyRing::parse(text);
}

crypto::KeyRing load_keys_afresh() {
	kept.reset();
	return load_keys();
}

Secret unseal(std::string_view sealed, std::string_view place, std::string_view what) {
	crypto::KeyRing keys = load_keys();
	return unseal(keys, sealed, place, what);
}

Secret unseal(crypto::KeyRing &keys, std::string_view sealed, std::string_view place, std::string_view what) {
	const std::optional<std::string> id = crypto::sealed_key_id(sealed);
	if (id && !keys.find(*id) && kept && steady_clock::now() - kept->asked > kAskedAgainAfter)
		keys = load_keys_afresh();
	return crypto::unseal(keys, sealed, place, what);
}

} // namespace ob::pg::store
