// A key that webhooks are signed with is fetched by the outcome worker: the caller may be read-only or roll back, and
// nobody should have to ask again. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>

#include "core/task.hpp"
#include "pg/worker/operations.hpp"

namespace ob::pg::worker {

/// In the worker: asks the provider and keeps its word, unless somebody else does, or too many were asked for.
Task<Done> fetch_webhook_key(Request request);

/// In a backend: has it done for a delivery about `subject`; what came of it is in ob.webhook_keys. Throws as the call
/// does, and no_worker.
Task<void> ask_for_webhook_key(std::string server, std::string mapping_role, std::string key_id, std::string subject);

} // namespace ob::pg::worker
