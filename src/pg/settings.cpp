#include "pg/postgres.hpp"

extern "C" {
#include "utils/guc.h"
}

#include <arpa/inet.h>

#include <array>

#include "pg/compat.hpp"
#include "pg/guard.hpp"
#include "pg/settings.hpp"

namespace ob::pg::settings {

namespace {

char *key_file_ = nullptr;
char *key_command_ = nullptr;
char *allowed_hosts_ = nullptr;
char *user_ref_ = nullptr;
char *user_ip_ = nullptr;
int user_ref_source_ = static_cast<int>(UserRefSource::setting);
bool enabled_ = true;
bool sync_on_event_ = true;
int http_timeout_ = 60'000;
int connect_timeout_ = 10'000;
int claim_timeout_ = 30'000;
int max_parallel_ = 16;
int max_response_size_ = 16 * 1024;
#ifdef OB_TEST_BUILD
char *test_clock_ = nullptr;
char *test_crash_point_ = nullptr;
#endif

constexpr int kDay = 24 * 60 * 60 * 1000;

const config_enum_entry kUserRefSources[] = {{"setting", static_cast<int>(UserRefSource::setting), false},
                                             {"jwt", static_cast<int>(UserRefSource::jwt), false},
                                             {nullptr, 0, false}};

constexpr std::array kNames = {
    "openbanking.key_file",      "openbanking.key_command",      "openbanking.allowed_hosts",
    "openbanking.enabled",       "openbanking.http_timeout",     "openbanking.connect_timeout",
    "openbanking.claim_timeout", "openbanking.max_parallel",     "openbanking.max_response_size",
    "openbanking.sync_on_event",
#ifdef OB_TEST_BUILD
    "openbanking.test_clock",    "openbanking.test_crash_point",
#endif
};

void define_text(const char *name, const char *what, const char *more, char **variable, GucContext context, int flags) {
	DefineCustomStringVariable(name, what, more, variable, "", context, flags, nullptr, nullptr, nullptr);
}

void define_time(const char *name, const char *what, int *variable, int minimum) {
	DefineCustomIntVariable(name, what, nullptr, variable, *variable, minimum, kDay, PGC_USERSET, GUC_UNIT_MS, nullptr,
	                        nullptr, nullptr);
}

} // namespace

void define() {
	define_text("openbanking.key_file", "File with the keys that seal tokens and secrets.",
	            "Lines of id:base64 (32 bytes), the first is current. Owned by the server's account, mode 0600.",
	            &key_file_, PGC_SUSET, GUC_SUPERUSER_ONLY);
	define_text("openbanking.key_command", "Shell command that prints the keys, instead of a file.",
	            "Same lines as in the file; it must exit with 0 within 10 seconds. Its answer is kept for a minute.",
	            &key_command_, PGC_SUSET, GUC_SUPERUSER_ONLY);
	define_text("openbanking.allowed_hosts", "Hosts that may be called besides the providers' own.",
	            "Comma-separated scheme://host[:port]; no port means any. Plain http and private addresses only where "
	            "listed.",
	            &allowed_hosts_, PGC_SUSET, 0);
	DefineCustomBoolVariable("openbanking.enabled", "Whether providers may be called at all.", nullptr, &enabled_, true,
	                         PGC_SUSET, 0, nullptr, nullptr, nullptr);
	// What decides on rows is the superuser's; who the end user is, the application says.
	DefineCustomEnumVariable("openbanking.user_ref_source", "Where the present end user is read from.",
	                         "setting: openbanking.user_ref; jwt: the claim sub in PostgREST's request.jwt.claims.",
	                         &user_ref_source_, user_ref_source_, kUserRefSources, PGC_SUSET, 0, nullptr, nullptr,
	                         nullptr);
	define_text("openbanking.user_ref", "The end user whose rows are seen, where user_ref_source is setting.",
	            "Binds applications, not people who can type SQL.", &user_ref_, PGC_USERSET, 0);
	define_text(
	    "openbanking.user_ip", "The address of the person who waits for this transaction.",
	    "Counts only if it is SET LOCAL. Providers that ask for it are told, so that the bank knows that somebody is "
	    "there.",
	    &user_ip_, PGC_USERSET, 0);
	DefineCustomBoolVariable("openbanking.sync_on_event",
	                         "Whether a bank that has been linked is synced at once, without waiting for a schedule.",
	                         nullptr, &sync_on_event_, true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
	define_time("openbanking.http_timeout", "Longest time one request may take.", &http_timeout_, 1);
	define_time("openbanking.connect_timeout", "Longest time to reach a host.", &connect_timeout_, 1);
	define_time("openbanking.claim_timeout",
	            "Longest wait for another session's work on a connection, or for a worker.", &claim_timeout_, 0);
	DefineCustomIntVariable("openbanking.max_parallel", "Connections that one statement reads or syncs at once.",
	                        nullptr, &max_parallel_, 16, 1, 1000, PGC_USERSET, 0, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("openbanking.max_response_size", "Largest answer that is read.", nullptr,
	                        &max_response_size_, max_response_size_, 64, 1024 * 1024, PGC_SUSET, GUC_UNIT_KB, nullptr,
	                        nullptr, nullptr);
#ifdef OB_TEST_BUILD
	define_text("openbanking.test_clock", "The time that providers' dates are reckoned from (tests).", nullptr,
	            &test_clock_, PGC_SUSET, 0);
	define_text("openbanking.test_crash_point", "Where the process kills itself (tests).", nullptr, &test_crash_point_,
	            PGC_SUSET, 0);
#endif
	MarkGUCPrefixReserved("openbanking");
}

const char *key_file() {
	return key_file_;
}
const char *key_command() {
	return key_command_;
}
const char *allowed_hosts() {
	return allowed_hosts_;
}
const char *user_ref() {
	return user_ref_;
}
std::string user_ip() {
	static const config_generic *setting = guard([] { return compat::find_setting("openbanking.user_ip"); });
	if (!setting || !setting->stack || (setting->stack->state != GUC_LOCAL && setting->stack->state != GUC_SET_LOCAL))
		return {};
	return address(user_ip_);
}
std::string address(std::string_view text) {
	std::array<unsigned char, sizeof(in6_addr)> bytes{};
	const std::string terminated(text);
	const bool is_one = inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1 ||
	                    inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1;
	return is_one ? terminated : std::string();
}
UserRefSource user_ref_source() {
	return static_cast<UserRefSource>(user_ref_source_);
}
bool enabled() {
	return enabled_;
}
bool sync_on_event() {
	return sync_on_event_;
}
std::chrono::milliseconds http_timeout() {
	return std::chrono::milliseconds(http_timeout_);
}
std::chrono::milliseconds connect_timeout() {
	return std::chrono::milliseconds(connect_timeout_);
}
std::chrono::milliseconds claim_timeout() {
	return std::chrono::milliseconds(claim_timeout_);
}
int max_parallel() {
	return max_parallel_;
}
std::size_t max_response_size() {
	return static_cast<std::size_t>(max_response_size_) * 1024;
}

const char *test_clock() {
#ifdef OB_TEST_BUILD
	return test_clock_;
#else
	return "";
#endif
}

const char *test_crash_point() {
#ifdef OB_TEST_BUILD
	return test_crash_point_;
#else
	return "";
#endif
}

std::vector<std::pair<std::string, std::string>> snapshot() {
	std::vector<std::pair<std::string, std::string>> all;
	all.reserve(kNames.size());
	for (const char *name : kNames) {
		const char *value = guard([&] { return GetConfigOption(name, false, false); });
		all.emplace_back(name, value ? value : "");
	}
	return all;
}

} // namespace ob::pg::settings
