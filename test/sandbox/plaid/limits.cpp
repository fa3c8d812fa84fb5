#include "limits.hpp"

#include <algorithm>
#include <array>

namespace ob::sandbox::plaid {

namespace {

struct Published {
	std::string_view path;
	std::uint64_t production_item;
	std::uint64_t production_client;
	std::uint64_t sandbox_item;
	std::uint64_t sandbox_client;
	std::string_view item_code;
	std::string_view client_code;
};

constexpr std::array kPublished = {
    Published{"/transactions/sync", 50, 2500, 50, 1000, "TRANSACTIONS_SYNC_LIMIT", "TRANSACTIONS_SYNC_LIMIT"},
    Published{"/transactions/get", 30, 20000, 80, 1000, "TRANSACTIONS_LIMIT", "TRANSACTIONS_LIMIT"},
    Published{"/transactions/refresh", 2, 100, 2, 100, "TRANSACTIONS_REFRESH_LIMIT", "TRANSACTIONS_REFRESH_LIMIT"},
    Published{"/accounts/get", 15, 15000, 100, 5000, "ACCOUNTS_LIMIT", "ACCOUNTS_LIMIT"},
    Published{"/accounts/balance/get", 5, 1200, 25, 100, "BALANCE_LIMIT", "ACCOUNTS_BALANCE_GET_LIMIT"},
    Published{"/item/get", 15, 5000, 40, 5000, "ITEM_GET_LIMIT", "ITEM_GET_LIMIT"},
    Published{"/item/remove", 30, 2000, 100, 500, "RATE_LIMIT", "RATE_LIMIT"},
    Published{"/institutions/get_by_id", 0, 400, 0, 400, "", "INSTITUTIONS_GET_BY_ID_LIMIT"},
    Published{"/institutions/get", 0, 50, 0, 10, "", "INSTITUTIONS_GET_LIMIT"},
    Published{"/sandbox/transactions/create", 0, 0, 2, 50, "RATE_LIMIT", "RATE_LIMIT"},
};

Limit published(std::string_view environment, std::string_view path) {
	const auto *found =
	    std::find_if(kPublished.begin(), kPublished.end(), [path](const Published &p) { return p.path == path; });
	if (found == kPublished.end()) {
		return {};
	}
	const bool production = environment == "production";
	return {production ? found->production_item : found->sandbox_item,
	        production ? found->production_client : found->sandbox_client, std::string(found->item_code),
	        std::string(found->client_code)};
}

} // namespace

bool Limits::full(const std::string &key, std::uint64_t most, Time now) {
	std::deque<Time> &calls = calls_[key];
	while (!calls.empty() && calls.front() <= now - std::chrono::minutes{1}) {
		calls.pop_front();
	}
	return most != 0 && calls.size() >= most;
}

std::optional<std::string> Limits::take(std::string_view environment, const std::string &path,
                                        const std::string &item_id, const std::string &client_id, Time now) {
	Limit limit = published(environment, path);
	if (const auto own = own_.find(path); own != own_.end()) {
		limit.per_item = own->second.per_item;
		limit.per_client = own->second.per_client;
	}
	const std::string item_key = path + "\nitem\n" + item_id;
	const std::string client_key = path + "\nclient\n" + client_id;
	if (!item_id.empty() && full(item_key, limit.per_item, now)) {
		return limit.item_code;
	}
	if (full(client_key, limit.per_client, now)) {
		return limit.client_code;
	}
	if (!item_id.empty()) {
		calls_[item_key].push_back(now);
	}
	calls_[client_key].push_back(now);
	return std::nullopt;
}

void Limits::set(const std::string &path, std::uint64_t per_item, std::uint64_t per_client) {
	own_[path] = {per_item, per_client, "RATE_LIMIT", "RATE_LIMIT"};
}

void Limits::clear() {
	own_.clear();
	calls_.clear();
}

} // namespace ob::sandbox::plaid
