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
	static int times = 0; // that the point of the setting was reached
	const std::string_view wanted = settings::test_crash_point();
	const std::string_view point = wanted.substr(0, wanted.find(':'));
	if (point != name)
		return;
	const std::string_view when = wanted.substr(point.size());
	if (when == ":hold")
		std::this_thread::sleep_for(std::chrono::seconds(1)); // to its end: signals do not cut it short
	else if (when.empty() || ++times == std::stoi(std::string(when.substr(1))))
		kill(getpid(), SIGKILL);
}

} // namespace ob::pg

#endif
