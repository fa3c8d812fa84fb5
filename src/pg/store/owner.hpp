// Acting as the extension's owner with a fixed search_path, for our own tables. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <functional>
#include <string>

namespace ob::pg::store {

/// Runs `body` as the owner of schema ob, search_path `pg_catalog, pg_temp`, with planner settings under which our
/// statements keep their index plans on empty tables too. Restores user and settings before it returns or throws.
void as_owner(const std::function<void()> &body);

/// Within as_owner(), until its end: a lock that someone else keeps for more than two seconds is an error. For whoever
/// has work to do for others too.
void limit_lock_waits();
/// Even shorter, and shorter than anybody waits before he looks for a deadlock: for whoever holds rows of several
/// connections, has no order to keep to with others who do, and can do his work in smaller pieces.
void give_way_to_locks();

/// The role whose rights the caller has now.
std::string current_role();

} // namespace ob::pg::store
