// TrueLayer's transactions in the neutral model. C++ regime.
#pragma once

#include <string_view>

#include "core/model.hpp"
#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// Where an amount's sign comes from.
enum class SignMode {
	by_type, // DEBIT is money out, CREDIT money in
	raw,     // as sent: cards from the issuer's side, accounts from the holder's
};
SignMode sign_mode_of(std::string_view option);

/// Whose rows they are.
struct RowContext {
	std::string_view account_id = {}; // outlives the page
	bool card = false;
	bool pending = false;
	SignMode sign_mode = SignMode::by_type;
	bool *contradicts = nullptr; // set where a number's sign is not what its type says; may be null
};

/// Reads one transaction and appends it to `page`, to `rejected` if it cannot be stored. Its id is the normalised one
/// of the bank, the only one that lasts; empty where there is none. `body` owns the bytes that `value` is part of.
void read_transaction(json::Value value, json::Body &body, const RowContext &context, TransactionPage &page);

/// An id that rows of one answer share which differ otherwise is no id: they lose it, for none of them to be lost.
void drop_shared_ids(TransactionPage &page);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
