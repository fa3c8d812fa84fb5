#include "pg/crash_point.hpp"

#ifdef OB_TEST_BUILD

#include <chrono>
#include <csignal>
#include <string>
#include <string_view>
#include <thread>

#include <unistd.h>

#include "pg/settings.hpp"

namespace ob::pg {

void crash_point(const char *name) {
	const std::string_view wanted = settings::test_crash_point();
	if (wanted == name)
		kill(getpid(), SIGKILL);
	if (wanted == std::string(name) + ":hold")
		std::this_thread::sleep_for(std::chrono::seconds(1)); // to its end: signals do not cut it short
}

} // namespace ob::pg

#endif
