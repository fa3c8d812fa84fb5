// What may be called: URLs, the list of allowed hosts, addresses.
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <sys/un.h>

#include "core/error.hpp"
#include "http/address.hpp"
#include "http/url_policy.hpp"

namespace ob::http {
namespace {

std::string spell(const std::string &url) {
	try {
		const Origin origin = parse_origin(url);
		return origin.scheme + " " + origin.host + " " + std::to_string(origin.port);
	} catch (const Error &error) {
		EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
		EXPECT_EQ((error.message() + error.detail() + error.hint()).find("s3cret"), std::string::npos);
		return "refused";
	}
}

TEST(Origin, OneSpellingForEachHost) {
	EXPECT_EQ(spell("https://Bank.Example.COM/x?y=z#f"), "https bank.example.com 443");
	EXPECT_EQ(spell("HTTPS://bank.example.com.:8443"), "https bank.example.com 8443");
	EXPECT_EQ(spell("http://bank.example.com"), "http bank.example.com 80");
	EXPECT_EQ(spell("https://b%61nk.example.com/"), "https bank.example.com 443");
	EXPECT_EQ(spell("https://[0:0:0:0:0:0:0:1]:9/"), "https ::1 9");
	EXPECT_EQ(spell("https://[2001:DB8::00A]/"), "https 2001:db8::a 443");
	EXPECT_EQ(spell("https:///bank.example.com/"), "https bank.example.com 443"); // as libcurl will call it
	EXPECT_EQ(spell("https://xn--bcher-kva.example/"), "https xn--bcher-kva.example 443");
}

TEST(Origin, OddFormsOfIPv4AreTheAddress) {
	for (const char *host : {"127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "127.0.0.1."})
		EXPECT_EQ(spell(std::string("http://") + host + "/"), "http 127.0.0.1 80") << host;
}

TEST(Origin, Refuses) {
	for (const std::string url : {"",
	                              "s3cret",
	                              "bank.example.com",
	                              "//bank.example.com",
	                              "https:",
	                              "https://",

	                              "https://user@bank.example.com",
	                              "https://user:s3cret@bank.example.com/",
	                              "https://@bank.example.com/",
	                              "ftp://bank.example.com/",
	                              "file:///etc/passwd",
	                              "gopher://bank.example.com",
	                              "https://b\xc3\xbc"
	                              "cher.example/",
	                              "https://b%C3%BCcher.example/",
	                              "https://bank.example.com:0/",
	                              "https://bank.example.com:65536/",
	                              "https://bank.example.com:s3cret/",
	                              "https://[fe80::1%25eth0]/",
	                              "https://[::1/",
	                              "https://[1.2.3.4]/",
	                              "https://bank example.com/",
	                              "https://bank%00.example.com/",
	                              "https://bank\t.example.com/",
	                              "https://ba\nnk.example.com/",
	                              "https://./",
	                              "https://..example.com/",
	                              "https://bank.example.com\\@evil.example/",
	                              "https://bank.example.com../",
	                              "https://bank%2eexample.com%2f@x/"})
		EXPECT_EQ(spell(url), "refused") << url;
	EXPECT_EQ(spell(std::string("https://bank.example.com/\0.evil", 31)), "refused");
}

TEST(AllowedHosts, Reads) {
	EXPECT_TRUE(parse_allowed_hosts("").empty());
	EXPECT_TRUE(parse_allowed_hosts("  \t ").empty());
	const auto list =
	    parse_allowed_hosts(" https://A.example ,http://127.0.0.1:8080,\nhttps://[::1]:1/, http://2130706433");
	ASSERT_EQ(list.size(), 4u);
	EXPECT_EQ(list[0], (AllowedHost{"https", "a.example", std::nullopt}));
	EXPECT_EQ(list[1], (AllowedHost{"http", "127.0.0.1", 8080}));
	EXPECT_EQ(list[2], (AllowedHost{"https", "::1", 1}));
	EXPECT_EQ(list[3], (AllowedHost{"http", "127.0.0.1", std::nullopt}));
}

TEST(AllowedHosts, RefusesBadEntriesWithAHint) {
	for (const char *list :
	     {"a.example", "ftp://a.example", "https://a.example/path", "https://a.example?x", "https://a.example#f",
	      "https://u@a.example", "https://*.example", "https://*", "https://a.example:0", "https://a.example:99999",
	      "https://a.example:x", "https://a.example,", ",", "https://a.example,,https://b.example", "https://",
	      "https://a.example https://b.example", "https://[fe80::1%25lo]", "*", "https://b\xc3\xbc.example"}) {
		try {
			parse_allowed_hosts(list);
			ADD_FAILURE() << list;
		} catch (const Error &error) {
			EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << list;
			EXPECT_NE(error.hint().find("scheme://host"), std::string::npos) << list;
		}
	}
}

TEST(HostPolicy, Judges) {
	const HostPolicy policy({"bank.example", "API.other.example."},
	                        "http://127.0.0.1:8080, https://inside.example, http://any.example");
	const auto judge = [&](const char *url) { return policy.judge(parse_origin(url)); };
	EXPECT_EQ(judge("https://bank.example/"), Verdict::public_only);
	EXPECT_EQ(judge("https://BANK.example./"), Verdict::public_only);
	EXPECT_EQ(judge("https://api.other.example/"), Verdict::public_only);
	EXPECT_EQ(judge("http://bank.example/"), Verdict::refused) << "plain http to a provider";
	EXPECT_EQ(judge("https://bank.example.evil/"), Verdict::refused);
	EXPECT_EQ(judge("https://sub.bank.example/"), Verdict::refused);
	EXPECT_EQ(judge("https://evilbank.example/"), Verdict::refused);
	EXPECT_EQ(judge("https://evil.example/?bank.example"), Verdict::refused);

	EXPECT_EQ(judge("http://127.0.0.1:8080/"), Verdict::any_address);
	EXPECT_EQ(judge("http://2130706433:8080/"), Verdict::any_address);
	EXPECT_EQ(judge("http://127.0.0.1:8081/"), Verdict::refused);
	EXPECT_EQ(judge("http://127.0.0.1/"), Verdict::refused);
	EXPECT_EQ(judge("https://127.0.0.1:8080/"), Verdict::refused) << "another scheme";
	EXPECT_EQ(judge("https://inside.example/"), Verdict::any_address);
	EXPECT_EQ(judge("https://inside.example:9443/"), Verdict::any_address);
	EXPECT_EQ(judge("http://inside.example/"), Verdict::refused);
	EXPECT_EQ(judge("http://any.example:1/"), Verdict::any_address);
	EXPECT_EQ(HostPolicy().judge(parse_origin("https://bank.example/")), Verdict::refused);
}

TEST(HostPolicy, ListedProviderHostMayBePrivate) {
	const HostPolicy policy({"bank.example"}, "https://bank.example");
	EXPECT_EQ(policy.judge(parse_origin("https://bank.example/")), Verdict::any_address);
}

TEST(HostPolicy, ComparesByValue) {
	EXPECT_EQ(HostPolicy({"a", "b"}, "http://x:1"), HostPolicy({"b", "a"}, " http://X:1"));
	EXPECT_FALSE(HostPolicy({"a"}, "http://x:1") == HostPolicy({"a"}, "http://x:2"));
	EXPECT_FALSE(HostPolicy({"a"}, "") == HostPolicy({"b"}, ""));
}

// ---- addresses ----

bool is_public(const std::string &text) {
	sockaddr_storage storage{};
	if (text.find(':') == std::string::npos) {
		auto &in = reinterpret_cast<sockaddr_in &>(storage);
		in.sin_family = AF_INET;
		EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &in.sin_addr), 1) << text;
	} else {
		auto &in = reinterpret_cast<sockaddr_in6 &>(storage);
		in.sin6_family = AF_INET6;
		EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &in.sin6_addr), 1) << text;
	}
	return is_public_address(reinterpret_cast<sockaddr &>(storage));
}

TEST(Address, Public) {
	for (const char *text :
	     {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",  "11.0.0.0",         "100.63.255.255",
	      "100.128.0.0",     "126.255.255.255", "128.0.0.0",      "168.63.129.15",    "168.63.129.17",
	      "169.253.255.255", "169.255.0.0",     "172.15.255.255", "172.32.0.0",       "192.0.1.0",
	      "192.167.255.255", "192.169.0.0",     "198.17.255.255", "198.20.0.0",       "223.255.255.255",
	      "2606:4700::1111", "2a00:1450::1",    "2001:200::1",    "2001:db7::1",      "2001:db9::1",
	      "2003::1",         "3fff:1000::1",    "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"})
		EXPECT_TRUE(is_public(text)) << text;
}

TEST(Address, NotPublic) {
	for (const char *text :
	     {"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "100.100.100.200",
	      "127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.0", "169.254.169.254", "169.254.255.255",
	      "172.16.0.0", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255",
	      "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.255", "224.0.0.1", "239.255.255.255", "240.0.0.0",
	      "255.255.255.255",
	      // IPv6
	      "::", "::1", "::7f00:1", "::10.0.0.1", "::1.1.1.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
	      "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
	      "100::1", "2001::1", "2001:0:1:2::3", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1", "2001:db8::1",
	      "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1",
	      "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ffff::1"})
		EXPECT_FALSE(is_public(text)) << text;
}

TEST(Address, OtherFamiliesAreNotPublic) {
	sockaddr_un local{};
	local.sun_family = AF_UNIX;
	EXPECT_FALSE(is_public_address(reinterpret_cast<sockaddr &>(local)));
}

} // namespace
} // namespace ob::http
