// C++ regime.
#include "sync/window_accounts.hpp"

#include <algorithm>
#include <set>

#include "providers/row_identity.hpp"

#include "core/pure.hpp"

namespace ob::sync {

namespace {

/// An account as it is listed.
struct Listed {
	std::string id;
	std::string currency;
	std::vector<Secret> numbers;
	std::string card;
};

std::vector<Listed> with_numbers(const providers::AccountListing &listing) {
	std::vector<Listed> accounts;
	for (const Account &account : listing.list.accounts) {
		Listed &listed = accounts.emplace_back(Listed{account.id, account.currency, {}, providers::card_key(account)});
		for (const providers::AccountNumber &number : listing.numbers)
			if (number.account_id == account.id)
				if (auto key = providers::number_key(number))
					listed.numbers.push_back(std::move(*key));
	}
	return accounts;
}

bool may_be_the_same(const Listed &listed, const KeptAccount &kept) {
	if (!listed.currency.empty() && !kept.currency.empty() && listed.currency != kept.currency)
		return false;
	if (!listed.card.empty() && listed.card == kept.card)
		return true;
	return std::any_of(listed.numbers.begin(), listed.numbers.end(), [&](const Secret &number) {
		return std::find(kept.numbers.begin(), kept.numbers.end(), number) != kept.numbers.end();
	});
}

/// The one of `stored`, or of those of them that are live, if there is only one.
const KeptAccount *only_one(const std::vector<const KeptAccount *> &stored) {
	if (stored.size() == 1)
		return stored.front();
	const KeptAccount *live = nullptr;
	for (const KeptAccount *account : stored) {
		if (!account->live)
			continue;
		if (live)
			return nullptr;
		live = account;
	}
	return live;
}

} // namespace

std::vector<AccountMove> find_moved_accounts(const std::vector<KeptAccount> &kept,
                                             const providers::AccountListing &listing) {
	const std::vector<Listed> listed = with_numbers(listing);
	std::set<std::string_view> stored_ids, listed_ids;
	for (const KeptAccount &account : kept)
		stored_ids.insert(account.id);
	for (const Listed &account : listed)
		listed_ids.insert(account.id);

	std::vector<AccountMove> moves;
	for (const Listed &account : listed) {
		if (stored_ids.contains(account.id))
			continue;
		std::vector<const KeptAccount *> like_it;
		for (const KeptAccount &stored : kept)
			if (may_be_the_same(account, stored))
				like_it.push_back(&stored);
		const KeptAccount *stored = only_one(like_it);
		if (!stored || listed_ids.contains(stored->id))
			continue;
		const auto rivals = std::count_if(listed.begin(), listed.end(),
		                                  [&](const Listed &other) { return may_be_the_same(other, *stored); });
		if (rivals == 1)
			moves.push_back({stored->id, account.id});
	}
	return moves;
}

} // namespace ob::sync

#include "core/pure.hpp"
