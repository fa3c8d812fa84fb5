// ob.account_number. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "access/xact.h"
}

#include <algorithm>

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/account_numbers.hpp"
#include "pg/store/accounts.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/owner.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/token_keeper.hpp"

namespace ob::pg::sqlapi {

namespace {

using Numbers = std::vector<providers::AccountNumber>;

/// From the provider, and kept for the next time unless the transaction is read-only.
Numbers fetch(const store::Connection &connection) {
	const store::LoadedServer server = store::load_server(connection.server, connection.mapping_role);
	store::load_keys();
	providers::CallStats stats;
	Numbers numbers;
	std::optional<Error> failure;
	try {
		numbers = run(server.provider->account_numbers(worker::connection_session(server, connection, stats),
		                                               store::load_credentials(connection)));
	} catch (const Error &error) {
		failure.emplace(error);
	}
	const std::string details = failure ? store::error_to_json(*failure) : std::string();
	run(worker::commit_audit_surely({.action = "ACCOUNT_NUMBERS_FETCHED",
	                                 .connection = connection.id,
	                                 .server = connection.server,
	                                 .request_id = stats.last_request_id,
	                                 .success = !failure,
	                                 .details_json = details}));
	if (failure)
		throw *failure;
	if (!XactReadOnly)
		store::as_owner([&] { store::save_account_numbers(connection.id, numbers); });
	return numbers;
}

Numbers find_numbers(const store::Connection &connection, const std::string &account_id, bool refresh) {
	std::optional<Numbers> kept;
	if (!refresh)
		store::as_owner([&] { kept = store::read_account_numbers(connection.id, account_id); });
	Numbers numbers = kept ? std::move(*kept) : fetch(connection);
	std::erase_if(numbers, [&](const providers::AccountNumber &number) { return number.account_id != account_id; });
	return numbers;
}

/// In the audit log before it is seen, whatever becomes of this transaction.
void record_reading(const store::Connection &connection, const std::string &ref) {
	json::Object details;
	details.set("account_ref", ref);
	const std::string text(details.dump());
	run(worker::commit_audit({.action = "ACCOUNT_NUMBER_READ",
	                          .connection = connection.id,
	                          .server = connection.server,
	                          .details_json = text}));
}

Fields number_row(const providers::AccountNumber &number) {
	return {field(number.scheme),           field(number.number.reveal()), field(number.bank_code),
	        field(number.branch_code),      field(number.wire_code),       field(number.bic),
	        boolean_field(number.tokenized)};
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_account_number) {
	using namespace ob::pg::sqlapi;
	const auto connection =
	    ob::pg::store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"));
	const std::string account_id = required(text_argument(fcinfo, 1), "account_id");
	const std::string ref = ob::pg::store::account_ref_for_caller(connection.id, account_id);
	const Numbers numbers = find_numbers(connection, account_id, boolean_argument(fcinfo, 2).value_or(false));
	record_reading(connection, ref);
	return return_rows(fcinfo, numbers.size(), [&](std::size_t i) { return number_row(numbers[i]); });
}
