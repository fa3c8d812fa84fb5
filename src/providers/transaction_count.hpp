// For providers that can say how many transactions a connection has without reading them: what the end of a first
// backfill is estimated by. C++ regime.
#pragma once

#include <cstdint>

#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers {

class CountsTransactions {
public:
	virtual ~CountsTransactions() = default;
	/// One call, never repeated. Of those that can be read now; more may come as the history becomes more complete.
	virtual Task<std::int64_t> count_transactions(Session session, Credentials credentials) const = 0;
};

} // namespace ob::providers

#include "core/pure.hpp"
