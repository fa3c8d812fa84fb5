// A resolver for tests: the names below ob.test lead where a test says. The replacement of getaddrinfo stands in
// curl_host_test.cpp; libcurl's resolver threads call it.
#pragma once

#include <csignal>
#include <string>
#include <vector>

namespace ob::test::resolver {

/// `name` leads to these numeric addresses, in this order, from now on; none: it does not exist.
void set(const std::string &name, std::vector<std::string> addresses);
/// Looking `name` up takes so long.
void delay(const std::string &name, int milliseconds);
void clear();
/// How often names below ob.test were looked up.
int lookups();
/// The signal mask under which the last of them ran.
sigset_t mask();

} // namespace ob::test::resolver
