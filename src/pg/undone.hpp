// Server errors that are over. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>

#include "core/error.hpp"
#include "pg/guard.hpp"

namespace ob::pg {

/// A server error whose effects a subtransaction has undone: it may be handled as an error of ours, and entry() raises
/// it as it was. Cancel and shutdown never become one.
class UndoneError final : public Error {
public:
	explicit UndoneError(const ServerError &cause)
		: Error(ErrorCode::internal, "a statement on the extension's tables failed", "SQLSTATE " + code_of(cause),
				"The database could not store the data (SQLSTATE " + code_of(cause) + "); see the server log."),
		  cause_(cause) {}
	const ServerError &cause() const { return cause_; }

	/// Whether it is the operator's or user's wish that everything ends (class 57: cancelled, shutting down).
	static bool must_pass(const ServerError &cause) {
		return !cause.data() || ERRCODE_TO_CATEGORY(cause.data()->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
	}

private:
	static std::string code_of(const ServerError &cause) {
		return cause.data() ? unpack_sql_state(cause.data()->sqlerrcode) : "53200";
	}

	ServerError cause_;
};

} // namespace ob::pg
