// A host that cannot be connected to: its queue of connections is full.
#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>

#include "unit/support/raw_server.hpp"

namespace ob::test {

/// A listener whose queue is full: the next connect gets no answer at all.
class FullListener {
public:
	FullListener() {
		listener_ = socket(AF_INET, SOCK_STREAM, 0);
		sockaddr_in address{};
		address.sin_family = AF_INET;
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		socklen_t size = sizeof address;
		EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr *>(&address), size), 0);
		EXPECT_EQ(listen(listener_, 0), 0);
		getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size);
		port = ntohs(address.sin_port);
		for (int &fd : fillers_) {
			fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
			[[maybe_unused]] const int rc = connect(fd, reinterpret_cast<sockaddr *>(&address), size);
		}
		std::this_thread::sleep_for(std::chrono::milliseconds(20));
	}
	~FullListener() {
		for (const int fd : fillers_)
			close(fd);
		close(listener_);
	}
	std::string url() const { return "http://127.0.0.1:" + std::to_string(port) + "/"; }
	int port = 0;

private:
	int listener_ = -1;
	int fillers_[4] = {};
};

} // namespace ob::test
