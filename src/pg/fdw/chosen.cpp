// C++ regime.
#include "pg/fdw/chosen.hpp"

extern "C" {
#include "foreign/foreign.h"
}

#include <exception>

#include "pg/guard.hpp"
#include "pg/store/servers.hpp"

namespace ob::pg::fdw {

void as_user(Oid user, const std::function<void()> &body) {
	Oid before;
	int security;
	GetUserIdAndSecContext(&before, &security);
	if (user == before)
		return body();
	SetUserIdAndSecContext(user, security | SECURITY_LOCAL_USERID_CHANGE);
	std::exception_ptr error;
	try {
		body();
	} catch (...) {
		error = std::current_exception();
	}
	SetUserIdAndSecContext(before, security);
	if (error)
		std::rethrow_exception(error);
}

std::string server_name(Oid server) {
	const char *name = guard([&] { return GetForeignServer(server)->servername; });
	return name;
}

std::vector<std::string> servers_behind(const std::string &server) {
	store::check_usage(server);
	if (store::provider_of(server) == "all")
		return store::usable_servers();
	return {server};
}

std::vector<store::Connection> choose_connections(const std::string &server, Oid user, store::ConnectionFilter filter) {
	std::vector<store::Connection> connections;
	as_user(user, [&] {
		filter.servers = servers_behind(server);
		if (!filter.servers.empty())
			connections = store::visible_connections(filter);
	});
	return connections;
}

} // namespace ob::pg::fdw
