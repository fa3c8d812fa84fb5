// What the outcome worker does at a provider and how it records it. C++ regime; runs in the worker.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/task.hpp"
#include "pg/worker/context.hpp"
#include "pg/worker/message.hpp"

namespace ob::pg::worker {

/// The result of an operation: what the caller is told, and the outcome that waits to be applied once the caller's
/// transaction has ended (0: none); until then this process holds that outcome's lock.
struct Done {
	std::string result_json;
	std::int64_t to_apply = 0;
	std::optional<Error> failure; // told instead of a result
};

/// Carries out one request. Throws Error; what was done at the provider is recorded by then.
Task<Done> operate(Request request, Context *context);

/// Applies a recorded outcome to ob.connections and ends it. Throws ServerError, for example when a row is locked.
void apply(std::int64_t outcome);

/// As apply(), of an outcome that this process has locked; one that cannot be applied now stays recorded.
void apply_and_unlock(std::int64_t outcome);

/// Carries on outcomes whose worker died. Those that are alive are left alone.
Task<void> recover(std::vector<std::int64_t> outcomes, Context *context);

} // namespace ob::pg::worker
