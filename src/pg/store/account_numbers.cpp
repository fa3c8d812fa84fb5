#include "pg/store/account_numbers.hpp"

#include "crypto/seal.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/sql.hpp"
#include "json/document.hpp"

namespace ob::pg::store {

namespace {

using providers::AccountNumber;

std::string place(ConnectionId id, std::string_view account_id) {
	return crypto::associated({"ob.accounts_all", "number_sealed", std::to_string(id), account_id});
}

WipedString to_json(const std::vector<AccountNumber> &numbers, std::string_view account_id) {
	json::Array list;
	for (const AccountNumber &number : numbers) {
		if (number.account_id != account_id)
			continue;
		json::Object object;
		object.set("scheme", number.scheme).set_secret("number", number.number);
		object.set_if("bank_code", number.bank_code).set_if("branch_code", number.branch_code);
		object.set_if("wire_code", number.wire_code).set_if("bic", number.bic).set("tokenized", number.tokenized);
		list.add(object);
	}
	return list.dump();
}

std::vector<AccountNumber> from_json(const Secret &text, std::string_view account_id) {
	const auto document = json::Document::parse(text.reveal());
	std::vector<AccountNumber> numbers;
	for (const json::Node &item : document.items()) {
		AccountNumber &number = numbers.emplace_back();
		number.account_id = account_id;
		number.scheme = item.text("scheme");
		number.number = Secret(item.text("number"));
		number.bank_code = item.text("bank_code");
		number.branch_code = item.text("branch_code");
		number.wire_code = item.text("wire_code");
		number.bic = item.text("bic");
		number.tokenized = item.boolean("tokenized").value_or(false);
	}
	return numbers;
}

} // namespace

std::optional<std::vector<AccountNumber>> read_account_numbers(ConnectionId id, std::string_view account_id) {
	static Statement select("SELECT number_sealed FROM ob.accounts_all WHERE connection_id = $1 AND account_id = $2");
	const Result found = select.read_fresh({Param::integer(id), Param::text(account_id)});
	if (found.rows.empty() || found.rows.front().is_null(0))
		return std::nullopt;
	const std::string what = "number of account " + std::string(account_id) + " of connection " + std::to_string(id);
	return from_json(unseal(found.rows.front().text(0), place(id, account_id), what), account_id);
}

void save_account_numbers(ConnectionId id, const std::vector<AccountNumber> &numbers) {
	static Statement select("SELECT account_id FROM ob.accounts_all WHERE connection_id = $1");
	static Statement update(
	    "UPDATE ob.accounts_all SET number_sealed = $3 WHERE connection_id = $1 AND account_id = $2");
	const crypto::KeyRing keys = load_keys();
	for (const Row &row : select.run({Param::integer(id)}).rows) {
		const std::string &account_id = row.text(0);
		const std::string sealed = crypto::seal(keys, to_json(numbers, account_id), place(id, account_id));
		update.run({Param::integer(id), Param::text(account_id), Param::bytes(sealed)});
	}
}

} // namespace ob::pg::store
