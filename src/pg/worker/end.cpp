#include "pg/worker/end.hpp"

#include "core/error.hpp"
#include "pg/guard.hpp"

namespace ob::pg::worker {

bool is_an_end(const std::exception_ptr &error) {
	try {
		std::rethrow_exception(error);
	} catch (const Interrupted &) {
		return true;
	} catch (const ServerError &failure) {
		const int code = failure.data() ? failure.data()->sqlerrcode : 0;
		return code == ERRCODE_QUERY_CANCELED || code == ERRCODE_UNDEFINED_SCHEMA || code == ERRCODE_UNDEFINED_TABLE;
	} catch (...) {
		return false;
	}
}

} // namespace ob::pg::worker
