// From what a provider hands out for a link to connections. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>
#include <vector>

#include "core/task.hpp"
#include "pg/sqlapi/linking.hpp"
#include "providers/provider.hpp"

namespace ob::pg::sqlapi {

/// How far the user has come with the link of that token, as the provider tells it.
Task<providers::Journey> follow(store::LoadedServer server, Secret token);

struct GrantTerms {
	bool allow_duplicate = false;
	bool vouched = false; // the provider has just named the grants as this link's: they are good after its expiry too
	std::string user_ip;
};

/// One row for each grant, in order. Each is exchanged once, whoever brings it however often: who comes later waits for
/// who came first, and gets the same row. One that fails among several is a row; a single one throws.
Task<std::vector<Fields>> exchange_grants(store::Link link, store::LoadedServer server,
                                          std::vector<providers::LinkGrant> grants, GrantTerms terms);

/// The rows of what became of a link so far.
std::vector<Fields> exchanged_rows(const store::Link &link);

} // namespace ob::pg::sqlapi
