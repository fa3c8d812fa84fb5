// Addresses of senders and the networks they are in.
#include <gtest/gtest.h>

#include "providers/networks.hpp"

namespace ob::providers {
namespace {

bool within(std::string_view outer, std::string_view inner) {
	return contains(parse_network(outer).value(), parse_network(inner).value());
}

TEST(Networks, AreRead) {
	for (const char *good : {"52.21.26.131", "10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "::1", "2001:db8::/32", "::/0"})
		EXPECT_TRUE(parse_network(good)) << good;
}

TEST(Networks, SlipsAreRefused) {
	for (const char *bad : {"", "/8", "10.1.0.0/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0", "10.0.0.0/8/8",
	                        "256.0.0.1", "2001:db8::1/32", "2001:db8::/129", "localhost", " 10.0.0.1", "fe80::1%eth0",
	                        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"})
		EXPECT_FALSE(parse_network(bad)) << bad;
}

TEST(Networks, Contain) {
	EXPECT_TRUE(within("10.0.0.0/8", "10.255.255.255"));
	EXPECT_FALSE(within("10.0.0.0/8", "11.0.0.0"));
	EXPECT_TRUE(within("10.128.0.0/9", "10.128.0.1"));
	EXPECT_FALSE(within("10.128.0.0/9", "10.127.255.255"));
	EXPECT_TRUE(within("0.0.0.0/0", "203.0.113.9"));
	EXPECT_FALSE(within("0.0.0.0/0", "2001:db8::1"));
	EXPECT_TRUE(within("52.21.26.131", "::ffff:52.21.26.131"));
	EXPECT_TRUE(within("2001:db8::/33", "2001:db8:7fff::1"));
	EXPECT_FALSE(within("2001:db8::/33", "2001:db8:8000::1"));
	EXPECT_FALSE(within("10.1.0.0/16", "10.0.0.0/8"));
}

} // namespace
} // namespace ob::providers
