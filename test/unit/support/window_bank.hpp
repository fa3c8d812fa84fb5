// A bank without a change feed: its ledger, and the provider that reads it over windows of days.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "providers/window_provider.hpp"
#include "unit/support/run_task.hpp"

namespace ob::test {

/// One transaction of the ledger.
struct WindowEntry {
	int account = 0;
	std::string id; // empty: the bank has none that lasts
	std::string amount;
	std::string currency = "EUR";
	std::string description;
	std::string link; // the pending row it was, where the bank tells
	Date date{};
	bool pending = false;
	bool broken = false; // comes in a form that cannot be stored
};

struct WindowBankAccount {
	std::string id;
	std::string iban;
	std::string currency = "EUR";
	std::string balance = "1.00";
	bool listed = true;
	std::string card = {}; // last digits, of a card
	providers::Shown shows = {};
	bool signs_contradict = false;
};

/// What one sync has read to its end.
struct WindowRead {
	Date from{};
	Date to{};
	std::map<int, WindowEntry> rows; // that were shown, by token
};

class WindowBank final : public providers::WindowProvider {
public:
	providers::WindowDays days{90, 10};
	AccountKinds told = AccountKinds::all; // what it lists
	bool pending_apart = true;
	bool pending_known = true; // false: there is no pending set, which is not an empty one
	std::size_t page_size = 3;
	std::optional<int> shows_days;                      // fewer than asked for
	bool tells_shown = false;                           // … and says so
	bool after_login = false;                           // which is when it would show all
	bool repeats = false;                               // the last row of a page comes again with the next
	std::uint32_t shuffle = 0;                          // seed of the order in which rows come; 0: as they are
	std::optional<std::pair<int, ProviderError>> fault; // at the n-th page from now
	std::function<void()> after_page;

	std::map<int, WindowBankAccount> holders;
	std::map<int, WindowEntry> entries; // by token, which nobody but the tests knows
	std::map<int, WindowRead> reads;    // by account, of the present sync
	std::map<int, std::map<int, WindowEntry>> pending_reads;
	int pages = 0;

	int add(WindowEntry entry) {
		entries[++last_token_] = std::move(entry);
		return last_token_;
	}

	bool is_shown(const WindowEntry &entry, Date from, Date to, Date today) const {
		if (shows_days && !entry.pending && entry.date < today - std::chrono::days(*shows_days))
			return false;
		return entry.date >= from && entry.date <= to;
	}

	// ---- the provider ----

	std::string_view name() const override { return "windowbank"; }
	std::vector<std::string> known_hosts() const override { return {}; }
	std::string_view accounts_endpoint() const override { return "/accounts"; }
	std::string_view transactions_endpoint() const override { return "/transactions"; }
	Task<providers::LinkOffer> start_link(providers::Session, providers::LinkRequest) const override { unused(); }
	std::vector<providers::LinkGrant> grants_from_response(std::string_view) const override { unused(); }
	Task<providers::Established> exchange(providers::Session, providers::LinkGrant) const override { unused(); }
	Task<void> remove(providers::Session, providers::Credentials) const override { unused(); }
	Task<AccountList> accounts(providers::Session, providers::Credentials, std::vector<std::string>) const override {
		unused();
	}
	std::unique_ptr<providers::WindowReader> read_window(providers::Session, providers::Credentials,
	                                                     providers::Window) const override {
		unused();
	}
	Task<ConnectionHealth> health(providers::Session, providers::Credentials) const override {
		co_await Yield();
		co_return ConnectionHealth();
	}
	providers::WindowDays window_days(const providers::ServerConfig &) const override { return days; }
	bool shows_all_days_now(const providers::Session &) const override { return after_login; }

	Task<providers::AccountListing> list_accounts(providers::Session session, providers::Credentials) const override {
		++session.stats->requests;
		co_await Yield();
		auto &self = const_cast<WindowBank &>(*this);
		self.reads.clear();
		self.pending_reads.clear();
		self.fail_here();
		providers::AccountListing listing;
		listing.told = told;
		for (const auto &[number, bank] : holders) {
			if (!bank.listed || !tells_of(told, bank.card.empty() ? "checking" : kCardType))
				continue;
			Account &account = listing.list.accounts.emplace_back();
			account.id = bank.id;
			account.currency = bank.currency;
			account.balance_current = bank.balance;
			account.type = bank.card.empty() ? "checking" : "credit_card";
			account.provider_subtype = bank.card.empty() ? "" : "VISA";
			account.mask = bank.card;
			if (!bank.iban.empty())
				listing.numbers.push_back({bank.id, "iban", Secret(bank.iban), {}, {}, {}, {}, false});
		}
		co_return listing;
	}

	std::unique_ptr<providers::AccountReader> read_account(providers::Session session, providers::Credentials,
	                                                       providers::AccountWindow window) const override;
	std::unique_ptr<providers::AccountReader> read_pending(providers::Session session, providers::Credentials,
	                                                       Account account) const override;

private:
	class Reader;
	friend class Reader;

	[[noreturn]] static void unused() { throw std::logic_error("a sync has no use for it"); }

	int number_of(const std::string &account_id) const {
		for (const auto &[number, account] : holders)
			if (account.id == account_id)
				return number;
		throw std::logic_error("an account that the bank does not know");
	}
	void fail_here() {
		++pages;
		if (fault && fault->first-- == 0) {
			const ProviderError error = fault->second;
			fault.reset();
			throw ProviderError(error);
		}
	}

	int last_token_ = 0;
};

/// Chooses its rows when the first page is asked for.
class WindowBank::Reader final : public providers::AccountReader {
public:
	Reader(WindowBank &bank, providers::Session session, const std::string &account_id,
	       std::optional<std::pair<Date, Date>> window)
	    : bank_(bank), session_(session), account_(bank.number_of(account_id)), window_(window) {}

	Task<std::optional<TransactionPage>> next() override {
		++session_.stats->requests;
		co_await Yield();
		bank_.fail_here();
		if (!chosen_)
			choose();
		if (at_ >= rows_.size() && (at_ > 0 || !first_)) {
			finish();
			co_return std::nullopt;
		}
		first_ = false;
		TransactionPage page = make_page();
		if (bank_.after_page)
			bank_.after_page();
		co_return page;
	}

	providers::Shown shown() const override {
		providers::Shown shown;
		if (window_)
			shown = bank_.holders.at(account_).shows;
		else
			shown.at_all = bank_.pending_known;
		if (window_ && bank_.shows_days && bank_.tells_shown)
			shown.from = today() - std::chrono::days(*bank_.shows_days);
		return shown;
	}

	bool signs_contradict() const override { return bank_.holders.at(account_).signs_contradict; }

private:
	struct Memory final : PageMemory {
		std::vector<WindowEntry> entries;
	};

	Date today() const { return std::chrono::floor<std::chrono::days>(session_.clock->now()); }

	void choose() {
		chosen_ = true;
		for (const auto &[token, entry] : bank_.entries) {
			if (entry.account != account_)
				continue;
			if (window_ ? (entry.pending && bank_.pending_apart) ||
			                  !bank_.is_shown(entry, window_->first, window_->second, today())
			            : !entry.pending || !bank_.pending_known)
				continue;
			rows_.push_back(entry);
			shown_.emplace(token, entry);
		}
		if (bank_.shuffle != 0)
			std::shuffle(rows_.begin(), rows_.end(), std::mt19937(bank_.shuffle));
	}

	TransactionPage make_page() {
		auto memory = std::make_unique<Memory>();
		if (bank_.repeats && at_ > 0 && !rows_[at_ - 1].id.empty())
			memory->entries.push_back(rows_[at_ - 1]);
		for (std::size_t i = 0; i < bank_.page_size && at_ < rows_.size(); ++i)
			memory->entries.push_back(rows_[at_++]);
		TransactionPage page;
		for (const WindowEntry &entry : memory->entries) {
			if (entry.broken) {
				page.rejected.push_back({entry.id, {}, "no amount", entry.description});
				continue;
			}
			Transaction &row = page.rows.emplace_back();
			row.id = entry.id;
			row.pending = entry.pending;
			row.amount = entry.amount;
			row.currency = entry.currency;
			row.date = entry.date;
			row.description = entry.description;
			row.pending_transaction_id = entry.link;
		}
		page.memory = std::move(memory);
		return page;
	}

	void finish() {
		if (window_)
			bank_.reads[account_] = {window_->first, window_->second, shown_};
		else
			bank_.pending_reads[account_] = shown_;
	}

	WindowBank &bank_;
	providers::Session session_;
	int account_;
	std::optional<std::pair<Date, Date>> window_; // nothing: the pending set
	bool chosen_ = false;
	bool first_ = true;
	std::vector<WindowEntry> rows_;
	std::map<int, WindowEntry> shown_;
	std::size_t at_ = 0;
};

inline std::unique_ptr<providers::AccountReader>
WindowBank::read_account(providers::Session session, providers::Credentials, providers::AccountWindow window) const {
	return std::make_unique<Reader>(const_cast<WindowBank &>(*this), session, window.account.id,
	                                std::pair(window.from, window.to));
}

inline std::unique_ptr<providers::AccountReader>
WindowBank::read_pending(providers::Session session, providers::Credentials, Account account) const {
	if (!pending_apart)
		return nullptr;
	return std::make_unique<Reader>(const_cast<WindowBank &>(*this), session, account.id, std::nullopt);
}

} // namespace ob::test
