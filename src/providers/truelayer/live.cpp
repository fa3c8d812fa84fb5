// Transactions of several accounts, for live scans. C++ regime.
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/loop.hpp"
#include "providers/row_identity.hpp"
#include "providers/truelayer/accounts.hpp"
#include "providers/truelayer/client.hpp"
#include "providers/truelayer/rows.hpp"
#include "providers/truelayer/windows.hpp"
#include "json/body.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

// Accounts that are read at once while the days are few: an answer has all of an account's days in one piece. Ranges of
// years, whose answers are large, are read one after the other.
constexpr std::size_t kAtOnce = 4;

/// What several answers were.
class Answers final : public PageMemory {
public:
	std::vector<std::unique_ptr<PageMemory>> kept;
};

/// An account that is being read.
struct Lane {
	/// The pending set comes first: a row that is posted meanwhile then comes twice, and is not missing.
	std::unique_ptr<AccountReader> pending;
	std::unique_ptr<AccountReader> window;
	std::vector<TransactionPage> pages; // that have come
	bool ended = false;
	std::map<std::string, int> unnamed; // rows alike
};

/// The pending set and the first page, or one more page.
Task<void> advance(Lane *lane) {
	while (lane->pending) {
		Task<std::optional<TransactionPage>> reading = lane->pending->next();
		if (std::optional<TransactionPage> page = co_await reading)
			lane->pages.push_back(std::move(*page));
		else
			lane->pending.reset();
	}
	Task<std::optional<TransactionPage>> reading = lane->window->next();
	if (std::optional<TransactionPage> page = co_await reading)
		lane->pages.push_back(std::move(*page));
	else
		lane->ended = true;
}

class LiveWindow final : public WindowReader {
public:
	LiveWindow(Session session, Credentials credentials, Window window)
	    : session_(std::move(session)), credentials_(std::move(credentials)), window_(std::move(window)) {
		const Date today = today_of(session_);
		to_ = std::min(window_.to.value_or(today), today);
		// The same right after a login: who names no day gets no refusal, nor other rows a few minutes later.
		from_ = window_.from.value_or(std::min(today - kShownAnyTime, to_));
		at_once_ = to_ - from_ > kShownAnyTime ? 1 : kAtOnce;
	}

	Task<std::optional<TransactionPage>> next() override {
		if (!listed_) {
			check_shown(session_, from_, window_.from.has_value());
			Task<AccountList> listing = list_whole(session_, credentials_, window_.account_ids);
			AccountList listed = co_await listing;
			accounts_ = std::move(listed.accounts);
			listed_ = true;
		}
		for (;;) {
			begin_accounts();
			if (lanes_.empty())
				co_return std::nullopt;
			Loop &loop = co_await ThisLoop();
			TaskGroup group(loop);
			for (Lane &lane : lanes_)
				group.spawn(advance(&lane));
			co_await group.join();
			if (std::optional<TransactionPage> page = collect())
				co_return std::move(page);
		}
	}

private:
	void begin_accounts() {
		while (from_ <= to_ && lanes_.size() < at_once_ && place_ < accounts_.size()) {
			const Account &account = accounts_[place_++];
			Lane &lane = lanes_.emplace_back();
			lane.pending = read_pending(session_, credentials_, account);
			lane.window = read_account_whole(session_, credentials_, {account, from_, to_});
		}
	}

	/// One page of what all lanes brought: nothing stays here, where nobody would count its bytes.
	std::optional<TransactionPage> collect() {
		TransactionPage all;
		auto memory = std::make_unique<Answers>();
		for (Lane &lane : lanes_) {
			for (TransactionPage &page : lane.pages) {
				settle(lane, page);
				all.rows.insert(all.rows.end(), page.rows.begin(), page.rows.end());
				std::move(page.rejected.begin(), page.rejected.end(), std::back_inserter(all.rejected));
				all.bytes += page.bytes;
				memory->kept.push_back(std::move(page.memory));
			}
			lane.pages.clear();
		}
		std::erase_if(lanes_, [](const Lane &lane) { return lane.ended; });
		if (memory->kept.empty())
			return std::nullopt;
		all.memory = std::move(memory);
		return all;
	}

	/// Pending sets come whatever their days. Rows without an id get the one that a first sync gives them.
	void settle(Lane &lane, TransactionPage &page) {
		auto &body = static_cast<json::Body &>(*page.memory);
		std::erase_if(page.rows, [&](const Transaction &row) {
			return (window_.from && row.date < *window_.from) || (window_.to && row.date > *window_.to);
		});
		for (Transaction &row : page.rows)
			if (row.id.empty()) {
				const std::string key = content_key(row);
				row.id = body.keep(key + std::to_string(++lane.unnamed[key]));
			}
	}

	Session session_;
	Credentials credentials_;
	Window window_;
	Date from_{};
	Date to_{};
	std::size_t at_once_ = 1;
	bool listed_ = false;
	std::vector<Account> accounts_;
	std::size_t place_ = 0; // the next account to begin with
	std::vector<Lane> lanes_;
};

} // namespace

std::unique_ptr<WindowReader> read_window(Session session, Credentials credentials, Window window) {
	return std::make_unique<LiveWindow>(std::move(session), std::move(credentials), std::move(window));
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
