#include "pg/store/account_numbers.hpp"

#include "crypto/seal.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/sql.hpp"
#include "providers/row_identity.hpp"
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

std::vector<AccountNumber> open_numbers(ConnectionId id, std::string_view account_id, std::string_view sealed) {
	const std::string what = "number of account " + std::string(account_id) + " of connection " + std::to_string(id);
	return from_json(unseal(sealed, place(id, account_id), what), account_id);
}

void write_numbers(const crypto::KeyRing &keys, ConnectionId id, const std::string &account_id,
                   const std::vector<AccountNumber> &numbers) {
	static Statement update(
	    "UPDATE ob.accounts_all SET number_sealed = $3 WHERE connection_id = $1 AND account_id = $2");
	const std::string sealed = crypto::seal(keys, to_json(numbers, account_id), place(id, account_id));
	update.run({Param::integer(id), Param::text(account_id), Param::bytes(sealed)});
}

/// For comparing. Without them an account under a new id would be taken for another one, and all of its rows for new.
std::vector<Secret> number_keys(ConnectionId id, std::string_view account_id, std::string_view sealed) {
	std::vector<Secret> keys;
	for (const AccountNumber &number : open_numbers(id, account_id, sealed))
		if (auto key = providers::number_key(number))
			keys.push_back(std::move(*key));
	return keys;
}

} // namespace

std::optional<std::vector<AccountNumber>> read_account_numbers(ConnectionId id, std::string_view account_id) {
	static Statement select("SELECT number_sealed FROM ob.accounts_all WHERE connection_id = $1 AND account_id = $2");
	const Result found = select.read_fresh({Param::integer(id), Param::text(account_id)});
	if (found.rows.empty() || found.rows.front().is_null(0))
		return std::nullopt;
	return open_numbers(id, account_id, found.rows.front().text(0));
}

std::vector<Secret> account_number_keys(ConnectionId id) {
	static Statement select("SELECT account_id, number_sealed FROM ob.accounts_all "
	                        "WHERE connection_id = $1 AND removed_at IS NULL AND number_sealed IS NOT NULL");
	std::vector<Secret> keys;
	for (const Row &row : select.read_fresh({Param::integer(id)}).rows)
		for (Secret &key : number_keys(id, row.text(0), row.text(1)))
			keys.push_back(std::move(key));
	return keys;
}

std::vector<KeptAccount> kept_accounts(ConnectionId id) {
	static Statement select(
	    "SELECT account_id, currency, removed_at IS NULL, number_sealed, type, provider_subtype, mask "
	    "FROM ob.accounts_all WHERE connection_id = $1");
	std::vector<KeptAccount> accounts;
	for (const Row &row : select.run({Param::integer(id)}).rows) {
		KeptAccount &account = accounts.emplace_back();
		account.id = row.text(0);
		account.currency = row.text(1);
		account.live = row.boolean(2);
		if (!row.is_null(3))
			account.numbers = number_keys(id, account.id, row.text(3));
		Account known;
		known.type = row.text(4);
		known.provider_subtype = row.text(5);
		known.mask = row.text(6);
		account.card = providers::card_key(known);
	}
	return accounts;
}

void keep_account_numbers(ConnectionId id, const std::vector<AccountNumber> &numbers) {
	static Statement select("SELECT account_id FROM ob.accounts_all "
	                        "WHERE connection_id = $1 AND account_id = ANY ($2) AND number_sealed IS NULL");
	std::vector<std::string> named;
	for (const AccountNumber &number : numbers)
		named.push_back(number.account_id);
	const Result lacking = select.run({Param::integer(id), Param::text_array(named)});
	if (lacking.rows.empty())
		return;
	const crypto::KeyRing keys = load_keys();
	for (const Row &row : lacking.rows)
		write_numbers(keys, id, row.text(0), numbers);
}

void save_account_numbers(ConnectionId id, const std::vector<AccountNumber> &numbers) {
	static Statement select("SELECT account_id FROM ob.accounts_all WHERE connection_id = $1");
	const crypto::KeyRing keys = load_keys();
	for (const Row &row : select.run({Param::integer(id)}).rows)
		write_numbers(keys, id, row.text(0), numbers);
}

} // namespace ob::pg::store
