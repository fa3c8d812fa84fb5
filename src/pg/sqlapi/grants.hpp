// From what a provider hands out for a link to connections. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <optional>
#include <string>
#include <vector>

#include "core/task.hpp"
#include "pg/sqlapi/linking.hpp"
#include "providers/provider.hpp"

namespace ob::pg::sqlapi {

struct GrantTerms {
	bool allow_duplicate = false;
	bool vouched = false; // the provider has just named the grants as this link's
	std::string user_ip;
};

/// One row for each grant, in order. Each is exchanged once, whoever brings it however often: who comes later waits for
/// who came first, and gets the same row. One that fails among several is a row, and if it may yet succeed the link
/// stays open for it; a single one throws.
Task<std::vector<Fields>> exchange_grants(store::Link link, store::LoadedServer server,
                                          std::vector<providers::LinkGrant> grants, GrantTerms terms);

/// Waits for the exchange of a link that is under way, if there is one. A row if it cannot be waited for longer.
Task<std::optional<Fields>> wait_for_exchange(store::Link link);

/// The rows of what became of a link so far.
std::vector<Fields> exchanged_rows(const store::Link &link);

} // namespace ob::pg::sqlapi
