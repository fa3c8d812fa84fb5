// /_control/plaid/rows.
#include "../row_stream.hpp"
#include "steering.hpp"

namespace ob::sandbox::plaid {

std::function<std::string()> stream_rows(State &state, const std::string &body) {
	const Command command(body, {"item_id", "access_token", "format", "columns", "original_description"});
	const bool one = command.body.has("item_id") || command.body.has("access_token");
	const bool original = command.body.truth_of("original_description");
	return sandbox::stream_rows(
	    state.ledger, one ? item_of(state, command).id : "", command,
	    {"transaction_id", "account_id", "date", "amount", "iso_currency_code", "pending", "name"},
	    [original](std::string &out, const Item &item, std::uint32_t index) {
		    item.transactions.append_to(out, index, original);
	    });
}

} // namespace ob::sandbox::plaid
