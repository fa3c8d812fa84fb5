// Tokens that expire. C++ regime.
#pragma once

#include "core/secret.hpp"
#include "core/task.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// The access token of one connection. It is renewed by one at a time, over all processes.
class TokenKeeper {
public:
	TokenKeeper() = default;
	TokenKeeper(const TokenKeeper &) = delete;
	TokenKeeper &operator=(const TokenKeeper &) = delete;
	virtual ~TokenKeeper() = default;

	/// An access token that is good for now; renewed first where its time is nearly over.
	virtual Task<Secret> current() = 0;
	/// After a call was refused with `refused`: another one; renewed unless somebody has done that already.
	virtual Task<Secret> renew(Secret refused) = 0;
};

} // namespace ob::providers

#include "core/pure.hpp"
