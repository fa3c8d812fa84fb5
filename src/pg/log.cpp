#include "pg/log.hpp"

#include <new>

#include "pg/guard.hpp"

namespace ob::pg {

Error describe(const std::exception_ptr &failure) {
	try {
		std::rethrow_exception(failure);
	} catch (const Error &error) {
		return error;
	} catch (const ServerError &error) {
		const ErrorData *data = error.data();
		return Error(ErrorCode::internal, data && data->message ? data->message : "out of memory",
		             data ? "SQLSTATE " + std::string(unpack_sql_state(data->sqlerrcode)) : std::string());
	} catch (const std::bad_alloc &) {
		return Error(ErrorCode::out_of_memory, "out of memory");
	} catch (const Interrupted &) {
		return Error(ErrorCode::internal, "interrupted");
	} catch (const std::exception &error) {
		return Error(ErrorCode::internal, error.what());
	} catch (...) {
		return Error(ErrorCode::internal, "unknown exception");
	}
}

void log_failure(const std::string &what, const std::exception_ptr &failure) noexcept {
	try {
		const Error error = describe(failure);
		guard([&] {
			ereport(LOG, (errmsg_internal("openbanking: %s: %s", what.c_str(), error.message().c_str()),
			              error.detail().empty() ? 0 : errdetail_internal("%s", error.detail().c_str())));
		});
	} catch (...) {
		// No memory for a line of log: there is nobody left to tell.
	}
}

} // namespace ob::pg
