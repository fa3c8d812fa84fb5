// C++ regime.
#include "providers/plaid/limits.hpp"

#include <algorithm>
#include <array>

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

// name, production (an item, the client), sandbox (an item, the client), in each sync
constexpr std::array kClasses = std::to_array<CallClass>({
    {"transactions_sync", {50, 2'500}, {50, 1'000}, true},
    {"transactions_get", {30, 20'000}, {80, 1'000}},
    {"transactions_refresh", {2, 100}, {2, 100}},
    {"accounts", {15, 15'000}, {100, 5'000}, true},
    {"balance", {5, 1'200}, {25, 100}},
    {"item", {15, 5'000}, {40, 5'000}, true},
    {"item_remove", {30, 2'000}, {100, 500}},
    {"institution", {0, 400}, {0, 400}},
    {"institutions", {0, 50}, {0, 10}},
    {"sandbox_transactions", {0, 0}, {2, 50}},
});

struct Endpoint {
	std::string_view path;
	std::string_view call_class;
};

constexpr std::array kEndpoints = std::to_array<Endpoint>({
    {"/transactions/sync", "transactions_sync"},
    {"/transactions/get", "transactions_get"},
    {"/transactions/refresh", "transactions_refresh"},
    {"/accounts/get", "accounts"},
    {"/accounts/balance/get", "balance"},
    {"/item/get", "item"},
    {"/item/remove", "item_remove"},
    {"/institutions/get_by_id", "institution"},
    {"/institutions/get", "institutions"},
    {"/sandbox/transactions/create", "sandbox_transactions"},
});

} // namespace

std::span<const CallClass> call_classes() {
	return kClasses;
}

std::string_view class_of(std::string_view endpoint) {
	const auto *found = std::find_if(kEndpoints.begin(), kEndpoints.end(),
	                                 [&](const Endpoint &known) { return known.path == endpoint; });
	return found == kEndpoints.end() ? std::string_view{} : found->call_class;
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
