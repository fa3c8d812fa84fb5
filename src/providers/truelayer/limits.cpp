// C++ regime.
#include "providers/truelayer/limits.hpp"

#include <array>

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

// name, production (a connection, all), sandbox (a connection, all), in each sync
constexpr std::array kClasses = std::to_array<CallClass>({
    {"auth", {0, 10}, {0, 10}},
    {"exchange", {0, 10}, {0, 10}},
    {"refresh", {0, 10}, {0, 10}},
    {"accounts", {0, 60}, {0, 60}, true},
    {"balance", {0, 60}, {0, 60}, true},
    {"transactions", {0, 60}, {0, 60}, true},
});

} // namespace

std::span<const CallClass> call_classes() {
	return kClasses;
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
