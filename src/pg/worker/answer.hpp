// A provider's answer, sealed in its outcome between the call and what becomes of it. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>

#include "crypto/seal.hpp"
#include "pg/store/outcomes.hpp"
#include "providers/provider.hpp"

namespace ob::pg::worker {

/// What to write with store::set_answered().
std::string seal_answer(const crypto::KeyRing &keys, const std::string &call_id,
                        const providers::Established &established);

/// Of an answered outcome. Throws not_configured, unseal_failed.
providers::Established open_answer(const store::Outcome &outcome);

} // namespace ob::pg::worker
