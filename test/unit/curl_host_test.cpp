// CurlTransport and hosts: the policy before and after resolution, name look-ups that fail or stall.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <thread>

#include "unit/support/raw_server.hpp"
#include "unit/support/resolver.hpp"
#include "unit/support/transport_fixture.hpp"

namespace ob::test::resolver {
namespace {

// Never destroyed: a look-up may outlast the test program's main().
struct State {
	std::mutex mutex;
	std::map<std::string, std::vector<std::string>> addresses;
	std::map<std::string, int> delays;
	sigset_t mask{};
	std::atomic<int> lookups = 0;
};
State &state() {
	static State *const s = new State;
	return *s;
}

} // namespace

void set(const std::string &name, std::vector<std::string> addresses) {
	const std::lock_guard lock(state().mutex);
	state().addresses[name] = std::move(addresses);
}
void delay(const std::string &name, int milliseconds) {
	const std::lock_guard lock(state().mutex);
	state().delays[name] = milliseconds;
}
void clear() {
	const std::lock_guard lock(state().mutex);
	state().addresses.clear();
	state().delays.clear();
	state().lookups = 0;
}
int lookups() {
	return state().lookups;
}
sigset_t mask() {
	const std::lock_guard lock(state().mutex);
	return state().mask;
}

/// The numeric addresses as getaddrinfo would list them.
static int look_up(const std::string &name, const char *service, const addrinfo *hints, addrinfo **result,
                   decltype(&::getaddrinfo) real) {
	std::vector<std::string> addresses;
	int wait = 0;
	{
		const std::lock_guard lock(state().mutex);
		++state().lookups;
		pthread_sigmask(SIG_SETMASK, nullptr, &state().mask);
		addresses = state().addresses[name];
		wait = state().delays[name];
	}
	std::this_thread::sleep_for(std::chrono::milliseconds(wait));
	*result = nullptr;
	addrinfo numeric{};
	if (hints)
		numeric = *hints;
	numeric.ai_family = AF_UNSPEC;
	numeric.ai_flags = AI_NUMERICHOST;
	addrinfo **end = result;
	for (const std::string &address : addresses) {
		if (real(address.c_str(), service, &numeric, end) != 0)
			abort();
		while (*end)
			end = &(*end)->ai_next;
	}
	return *result ? 0 : EAI_NONAME;
}

} // namespace ob::test::resolver

// Found before the C library's: the program's own symbols come first.
extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                                  const addrinfo *hints, addrinfo **result) {
	static const auto real = reinterpret_cast<decltype(&::getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
	std::string plain = name ? name : "";
	for (char &c : plain)
		c = static_cast<char>(std::tolower(c));
	if (plain.ends_with('.'))
		plain.pop_back();
	if (plain.ends_with(".ob.test"))
		return ob::test::resolver::look_up(plain, service, hints, result, real);
	return real(name, service, hints, result);
}

namespace ob {
namespace {

using namespace std::chrono_literals;
using namespace test;

class CurlHost : public TransportTest {
protected:
	CurlHost() { resolver::clear(); }
	RawServer server{always(answer("{}"))};

	std::string url(std::string_view host, std::string_view scheme = "http") const {
		return server.url("/", scheme, host);
	}
	std::string listed(std::string_view host) const {
		return "http://" + std::string(host) + ":" + std::to_string(server.port());
	}
};

TEST_F(CurlHost, UnknownHostIsRefusedBeforeALookup) {
	settings.allow("http://other.ob.test", {"bank.ob.test"});
	resolver::set("evil.ob.test", {"127.0.0.1"});
	const Error error = fail(get(url("evil.ob.test")));
	EXPECT_EQ(error.code(), ErrorCode::address_refused);
	EXPECT_EQ(error.message(), "host refused by policy");
	EXPECT_NE(error.hint().find("openbanking.allowed_hosts"), std::string::npos);
	EXPECT_EQ(resolver::lookups(), 0);
	EXPECT_EQ(server.accepted(), 0);
}

TEST_F(CurlHost, PlainHttpToAProviderIsRefused) {
	settings.allow("", {"bank.ob.test"});
	EXPECT_EQ(fail(get(url("bank.ob.test"))).code(), ErrorCode::address_refused);
	EXPECT_EQ(resolver::lookups(), 0);
}

TEST_F(CurlHost, ProviderHostMustNotLeadInside) {
	settings.allow("", {"bank.ob.test"});
	for (const char *address : {"127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fd00:ec2::254",
	                            "::ffff:127.0.0.1", "64:ff9b::7f00:1", "0.0.0.0"}) {
		resolver::set("bank.ob.test", {address, address});
		transport.drop_all_pools(); // with the names it remembers
		const Error error = fail(get(url("bank.ob.test", "https")));
		EXPECT_EQ(error.code(), ErrorCode::address_refused) << address << ": " << error.message();
		EXPECT_EQ(error.message(), "address refused by policy");
		EXPECT_EQ(error.detail().find(address), std::string::npos) << "tells a stranger about our network";
	}
	EXPECT_EQ(server.accepted(), 0);
}

TEST_F(CurlHost, ListedHostMayLeadInside) {
	resolver::set("bank.ob.test", {"127.0.0.1"});
	settings.allow(listed("bank.ob.test"));
	EXPECT_EQ(send(get(url("bank.ob.test"))).status, 200);
	EXPECT_EQ(send(get(url("BANK.ob.test."))).status, 200);
}

TEST_F(CurlHost, RefusedAddressesAreSkippedForGoodOnes) {
	// 127.0.0.1 is not refused for a listed host; the first address cannot be connected to.
	RawServer elsewhere(always(answer("{}")));
	resolver::set("bank.ob.test", {"::1", "127.0.0.1"});
	settings.allow(listed("bank.ob.test"));
	EXPECT_EQ(send(get(url("bank.ob.test"))).status, 200);
}

TEST_F(CurlHost, KeptConnectionsDoNotOutliveTheRules) {
	resolver::set("bank.ob.test", {"127.0.0.1"});
	settings.allow(listed("bank.ob.test"));
	send(get(url("bank.ob.test")));
	settings.allow(listed("bank.ob.test") + ", http://more.ob.test");
	send(get(url("bank.ob.test")));
	EXPECT_EQ(server.accepted(), 2) << "opened under other rules";
	settings.allow(listed("bank.ob.test") + " ,http://more.ob.test"); // the same rules, read again
	send(get(url("bank.ob.test")));
	EXPECT_EQ(server.accepted(), 2);
	settings.allow("");
	EXPECT_EQ(fail(get(url("bank.ob.test"))).code(), ErrorCode::address_refused);
}

TEST_F(CurlHost, OddFormsOfLoopback) {
	settings.allow("");
	for (const char *host :
	     {"127.0.0.1", "2130706433", "0x7f000001", "127.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0"})
		EXPECT_EQ(fail(get(url(host))).code(), ErrorCode::address_refused) << host;
	EXPECT_EQ(server.accepted(), 0);
	settings.allow("http://127.0.0.1");
	EXPECT_EQ(send(get(url("2130706433"))).status, 200);
}

TEST_F(CurlHost, BadUrls) {
	for (const char *bad : {"https://user:pw@bank.ob.test/", "ftp://bank.ob.test/", "bank.ob.test", ""}) {
		http::Request request = get("x");
		request.url = bad;
		try {
			send(request);
			ADD_FAILURE() << bad;
		} catch (const Error &error) {
			EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << bad;
			EXPECT_EQ((error.message() + error.detail() + error.hint()).find("pw"), std::string::npos);
		}
	}
}

TEST_F(CurlHost, NameDoesNotExist) {
	settings.allow("http://gone.ob.test");
	const Error error = fail(get(url("gone.ob.test")));
	EXPECT_EQ(error.code(), ErrorCode::unreachable);
	EXPECT_EQ(error.message(), "could not resolve the host's name");
	EXPECT_NE(error.detail().find("host: gone.ob.test, phase: name resolution"), std::string::npos) << error.detail();
}

TEST_F(CurlHost, ResolverThreadsHaveAllSignalsBlocked) {
	settings.allow("http://gone.ob.test");
	fail(get(url("gone.ob.test")));
	ASSERT_EQ(resolver::lookups(), 1);
	const sigset_t mask = resolver::mask();
	for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, SIGQUIT, SIGURG, SIGPIPE})
		EXPECT_TRUE(sigismember(&mask, signal)) << signal;
	EXPECT_FALSE(sigismember(&mask, SIGSEGV));
}

TEST_F(CurlHost, StalledLookupDoesNotHoldUpACancel) {
	settings.allow("http://slow.ob.test");
	resolver::delay("slow.ob.test", 3000);
	waiter.interrupt_after(50ms);
	const auto start = std::chrono::steady_clock::now();
	EXPECT_THROW(send(get(url("slow.ob.test"))), Interrupted);
	EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
	EXPECT_EQ(transport.stats().running, 0u);
	transport.drop_all_pools();
	EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

TEST_F(CurlHost, StalledLookupMeetsTheDeadline) {
	settings.allow("http://slow.ob.test");
	resolver::delay("slow.ob.test", 3000);
	settings.limits_now.connect_timeout = 100ms;
	const auto start = std::chrono::steady_clock::now();
	const Error error = fail(get(url("slow.ob.test")));
	EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
	EXPECT_EQ(error.code(), ErrorCode::deadline);
	EXPECT_EQ(error.message(), "deadline for connecting passed during name resolution");
	EXPECT_NE(error.detail().find("phase: name resolution, name resolution: "), std::string::npos) << error.detail();
	EXPECT_NE(error.hint().find("openbanking.connect_timeout"), std::string::npos);
}

TEST_F(CurlHost, SlowLookupDelaysNobodyElse) {
	settings.allow("http://slow.ob.test, " + listed("bank.ob.test"));
	resolver::delay("slow.ob.test", 2000);
	resolver::set("bank.ob.test", {"127.0.0.1"});
	Loop loop(reactor, waiter);
	const auto start = std::chrono::steady_clock::now();
	auto discard = [](http::Transport *t, http::Request r) -> Task<void> { co_await t->send(std::move(r)); };
	TaskGroup group(loop);
	group.spawn(discard(&transport, get(url("slow.ob.test"))));
	EXPECT_EQ(loop.run(transport.send(get(url("bank.ob.test")))).status, 200);
	EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

} // namespace
} // namespace ob
