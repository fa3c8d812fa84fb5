// ob.institutions: banks that can be linked. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"

namespace ob::pg::sqlapi {

namespace {

std::vector<providers::Institution> find_institutions(const std::string &server_name, std::string search) {
	const store::LoadedServer server = usable_server(server_name);
	providers::CallStats stats;
	return run(server.provider->institutions(Runtime::get().session(server.config, stats), std::move(search)));
}

Fields row_of(const providers::Institution &bank) {
	return {field(bank.id),
	        field(bank.name),
	        array_field(bank.countries),
	        array_field(bank.products),
	        boolean_field(bank.oauth),
	        field(bank.status),
	        field(bank.url),
	        field(bank.raw)};
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_institutions) {
	const auto banks =
	    find_institutions(required(name_argument(fcinfo, 0), "server"), text_argument(fcinfo, 1).value_or(""));
	return return_rows(fcinfo, banks.size(), [&](std::size_t i) { return row_of(banks[i]); });
}
