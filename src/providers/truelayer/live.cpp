// Transactions of several accounts, for live scans. C++ regime.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "providers/option_values.hpp"
#include "providers/row_identity.hpp"
#include "providers/truelayer/accounts.hpp"
#include "providers/truelayer/client.hpp"
#include "providers/truelayer/rows.hpp"
#include "providers/truelayer/windows.hpp"
#include "json/body.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

class LiveWindow final : public WindowReader {
public:
	LiveWindow(Session session, Credentials credentials, Window window)
	    : session_(std::move(session)), credentials_(std::move(credentials)), window_(std::move(window)) {
		const Date today = today_of(session_);
		const auto history = parse_integer(session_.server->option("history_days")).value_or(0);
		const auto back = in_deep_window(session_) ? std::chrono::days(history) : kShownAnyTime;
		to_ = std::min(window_.to.value_or(today), today);
		from_ = window_.from.value_or(std::min(today, to_) - back);
	}

	Task<std::optional<TransactionPage>> next() override {
		if (!listed_) {
			Task<AccountListing> listing = list_only(session_, credentials_);
			AccountListing listed = co_await listing;
			accounts_ = std::move(listed.list.accounts);
			keep_only(accounts_, window_.account_ids);
			listed_ = true;
		}
		while (reader_ || begin_reader()) {
			Task<std::optional<TransactionPage>> reading = reader_->next();
			std::optional<TransactionPage> page = co_await reading;
			if (page) {
				settle(*page);
				co_return page;
			}
			reader_.reset();
		}
		co_return std::nullopt;
	}

private:
	/// Of each account first the pending set: a row that is posted meanwhile then comes twice, and is not missing.
	bool begin_reader() {
		if (from_ > to_ || place_ == 2 * accounts_.size())
			return false;
		const Account &account = accounts_[place_ / 2];
		if (place_ % 2 == 0) {
			unnamed_.clear();
			reader_ = read_pending(session_, credentials_, account);
		} else {
			reader_ = read_account_whole(session_, credentials_, {account, from_, to_});
		}
		++place_;
		return true;
	}

	/// Pending sets come whatever their days. Rows without an id get the one that a first sync gives them.
	void settle(TransactionPage &page) {
		auto &body = static_cast<json::Body &>(*page.memory);
		std::erase_if(page.rows, [&](const Transaction &row) {
			return (window_.from && row.date < *window_.from) || (window_.to && row.date > *window_.to);
		});
		for (Transaction &row : page.rows)
			if (row.id.empty()) {
				const std::string key = content_key(row);
				row.id = body.keep(key + std::to_string(++unnamed_[key]));
			}
	}

	Session session_;
	Credentials credentials_;
	Window window_;
	Date from_{};
	Date to_{};
	bool listed_ = false;
	std::vector<Account> accounts_;
	std::size_t place_ = 0; // two an account
	std::unique_ptr<AccountReader> reader_;
	std::map<std::string, int> unnamed_; // rows alike, of the present account
};

} // namespace

std::unique_ptr<WindowReader> read_window(Session session, Credentials credentials, Window window) {
	return std::make_unique<LiveWindow>(std::move(session), std::move(credentials), std::move(window));
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
