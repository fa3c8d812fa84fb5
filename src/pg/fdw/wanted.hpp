// What a scan asks for: its conditions with the values they have in this execution. C++ regime.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/execnodes.h"
}

#include <span>

#include "pg/fdw/conditions.hpp"
#include "pg/store/connections.hpp"
#include "providers/provider.hpp"

namespace ob::pg::fdw {

/// A condition made ready for execution; plain data.
struct ReadyCondition {
	Condition condition;
	ExprState *value;
};

struct Wanted {
	bool nothing = false;           // some condition cannot be true
	store::ConnectionFilter filter; // without servers
	providers::Window window;       // with the accounts, for ob_accounts too
};

/// Evaluates the conditions. Throws ServerError. Allocates in the current memory context.
Wanted evaluate(std::span<const ReadyCondition> conditions, ExprContext *context);

} // namespace ob::pg::fdw
