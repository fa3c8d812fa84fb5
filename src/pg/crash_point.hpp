// Named points at which a test kills or holds a process, so that "died right after the provider answered" is exact.
#pragma once

namespace ob::pg {

/// In test builds: if openbanking.test_crash_point is `name`, the process is killed here (SIGKILL); if it is
/// `name:N`, when it gets here for the Nth time; if it is `name:hold`, it stops for a second. Otherwise nothing.
#ifdef OB_TEST_BUILD
void crash_point(const char *name);
#else
inline void crash_point(const char *) {}
#endif

} // namespace ob::pg
