#include "ledger.hpp"

#include <algorithm>

namespace ob::sandbox {

void Item::breaks(std::string code, Time now, std::optional<std::string> reason) {
	error_code = std::move(code);
	error_reason = std::move(reason);
	error_blocks = true;
	last_failed_update = now;
}

void Item::heals() {
	error_code.reset();
	error_reason.reset();
}

bool Item::has_product(std::string_view product) const {
	return std::find(products.begin(), products.end(), product) != products.end();
}

std::optional<std::uint32_t> Item::account_index(std::string_view account_id) const {
	for (std::uint32_t index = 0; index < accounts.size(); ++index) {
		if (accounts[index].id == account_id) {
			return index;
		}
	}
	return std::nullopt;
}

Item *Ledger::create(std::string id) {
	if (by_id_.contains(id)) {
		return nullptr;
	}
	Item &item = items_.emplace_back();
	item.number = next_number_++;
	item.id = std::move(id);
	by_id_.emplace(item.id, &item);
	by_number_.emplace(item.number, &item);
	return &item;
}

Item *Ledger::find(std::string_view id) {
	const auto found = by_id_.find(id);
	return found == by_id_.end() ? nullptr : found->second;
}

Item *Ledger::find(std::uint64_t number) {
	const auto found = by_number_.find(number);
	return found == by_number_.end() ? nullptr : found->second;
}

void Ledger::clear() {
	by_id_.clear();
	by_number_.clear();
	items_.clear();
}

} // namespace ob::sandbox
