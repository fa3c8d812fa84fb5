#include "pg/store/notify.hpp"

extern "C" {
#include "commands/async.h"
}

#include <string>

#include "pg/guard.hpp"

namespace ob::pg::store {

void notify(ConnectionId id, std::string_view event) {
	std::string payload = "{\"connection_id\": " + std::to_string(id) + ", \"event\": \"";
	payload.append(event).append("\"}");
	const char *text = payload.c_str();
	guard([&] { Async_Notify("openbanking", text); });
}

} // namespace ob::pg::store
