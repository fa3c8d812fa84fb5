// The openbanking.* settings. Who may set one follows from what it can do: what picks a file to read, a program to run
// or a host to call is the superuser's. Server regime for define(); readers are plain.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ob::pg::settings {

/// Called once from _PG_init.
void define();

/// Where the present end user is read from.
enum class UserRefSource { setting, jwt };
UserRefSource user_ref_source();
const char *user_ref();

/// Where the person sits who waits for this transaction: only what SET LOCAL says, since nobody sits behind a session
/// for ever. Empty if it says nothing, or no single IPv4 or IPv6 address.
std::string user_ip();
/// `text` if it is a single IPv4 or IPv6 address, else empty.
std::string address(std::string_view text);

const char *key_file();
const char *key_command();
const char *allowed_hosts();
bool enabled();
bool sync_on_event();
std::chrono::milliseconds http_timeout();
std::chrono::milliseconds connect_timeout();
std::chrono::milliseconds claim_timeout();
int max_parallel();
std::size_t max_response_size();
/// Test builds only: the simulator's present time as text; empty otherwise.
const char *test_clock();
/// Test builds only: the point at which the process kills itself; empty otherwise.
const char *test_crash_point();

/// Name and value of every setting, for the outcome worker, which must act under its caller's.
std::vector<std::pair<std::string, std::string>> snapshot();

} // namespace ob::pg::settings
