// The caller's side of the outcome worker. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>

#include "core/error.hpp"
#include "core/store.hpp"
#include "core/task.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/servers.hpp"
#include "pg/worker/message.hpp"

namespace ob::pg::worker {

/// Has the worker carry out `request` and returns its result as JSON. Fills in call id, login role and settings. The
/// caller may be cancelled or roll back meanwhile: what was done is recorded all the same. Throws what the operation
/// threw, no_worker (53400, no call was made), or outcome_unknown if the worker died.
Task<std::string> call(Request request);

/// Waits for a worker, for who must know that there is one before he does anything else. Throws no_worker.
Task<void> ready();

/// A request for calls through `server` as the caller sees it.
Request request_for(std::string_view kind, const store::LoadedServer &server, std::string_view mapping_role);

/// Names a grant. The token is unguessable, so its digest gives nothing away.
std::string grant_digest(const providers::LinkGrant &grant);
/// Seals a grant for an exchange by `request` and names it.
void put_grant(Request *request, const providers::LinkGrant &grant);
/// Whether the result of an exchange is that another one stood in its way.
bool is_busy(std::string_view result_json);

/// Records a failure of a connection although the caller's statement is about to raise. Never throws for want of a
/// worker: the failure that is being reported matters more. A repair since that had `begun` which failed is not undone.
Task<void> record_failure(store::Connection connection, SyncFailure failure, Timestamp begun);

/// Commits a line to the audit log, whatever becomes of the caller's transaction. What `line` views must outlive the
/// task. Throws no_worker.
Task<void> commit_audit(store::AuditLine line);
/// The same for what has been done or has failed already: for want of a worker the line is the caller's transaction's.
Task<void> commit_audit_surely(store::AuditLine line);

/// Has outcomes whose worker died carried on. False if there were none.
Task<bool> recover(std::optional<ConnectionId> connection, std::string link_id);

} // namespace ob::pg::worker
