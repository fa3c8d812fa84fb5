// What a database has to show of a bank that is read over windows.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "unit/support/window_bench.hpp"

namespace ob::test {

/// Worked out from what the bank was asked and has answered.
class WindowExpected {
public:
	explicit WindowExpected(WindowBench &bench) : bench_(bench) {}

	void begin() {
		spans_before_ = sync::ReadSpans(bench_.stored().state.cursor);
		finished_before_ = finished();
		bench_.bank.reads.clear();
	}

	/// After a sync, wherever it has ended.
	void end() {
		const sync::ReadSpans spans(bench_.stored().state.cursor);
		for (const auto &[number, holder] : bench_.bank.holders)
			follow(number, holder);
		for (const auto &[number, read] : bench_.bank.reads) {
			const std::string &id = bench_.bank.holders.at(number).id;
			const bool first = !spans_before_.find(id);
			if (finished() > finished_before_ || (first && spans.find(id)))
				apply(number, read, first);
		}
	}

	std::string differences() {
		std::multiset<Row> expected(left_behind_.begin(), left_behind_.end()), stored;
		for (const auto &[token, row] : rows_)
			expected.insert(as_row(row.account_id, row.entry));
		for (const auto &[key, row] : bench_.stored().transactions)
			if (row.live)
				stored.insert({row.account_id, row.id.starts_with("content-") ? "" : row.id, row.pending, row.amount,
				               time::format_date(row.date), row.description});
		std::string text;
		for (const Row &row : expected)
			if (stored.count(row) < expected.count(row))
				text += "missing " + print(row) + "\n";
		for (const Row &row : stored)
			if (expected.count(row) < stored.count(row))
				text += "unexpected " + print(row) + "\n";
		return text + wrong_links();
	}

private:
	struct Shown {
		std::string account_id;
		WindowEntry entry;
		int account = 0;
	};
	using Row = std::tuple<std::string, std::string, bool, std::string, std::string, std::string>;

	static Row as_row(const std::string &account_id, const WindowEntry &entry) {
		return {account_id, entry.id, entry.pending, entry.amount, time::format_date(entry.date), entry.description};
	}
	static std::string print(const Row &row) {
		const auto &[account, id, pending, amount, date, description] = row;
		return account + " " + id + (pending ? " pending " : " posted ") + date + " " + amount + " " + description;
	}

	/// Account ids that have changed: with an IBAN the history is moved, else it stays behind.
	void follow(int number, const WindowBankAccount &holder) {
		const auto &accounts = bench_.stored().accounts;
		std::string &stored_as = stored_as_[number];
		if (stored_as == holder.id || !accounts.contains(holder.id))
			return;
		const bool moved = !holder.iban.empty() && !stored_as.empty();
		if (moved) {
			EXPECT_EQ(accounts.at(holder.id).ref, refs_[number]) << "our name of an account has changed";
			EXPECT_FALSE(accounts.contains(stored_as));
			spans_before_.rename(stored_as, holder.id);
		}
		for (auto &[token, row] : rows_) {
			if (row.account != number)
				continue;
			if (!moved)
				left_behind_.push_back(as_row(row.account_id, row.entry));
			row.account_id = holder.id;
		}
		if (!moved)
			std::erase_if(rows_, [&](const auto &item) { return item.second.account == number; });
		stored_as = holder.id;
		refs_[number] = accounts.at(holder.id).ref;
	}

	std::size_t finished() const {
		const auto &reports = bench_.stored().finished;
		return static_cast<std::size_t>(std::count_if(reports.begin(), reports.end(), [](const SyncReport &report) {
			return report.status == SyncStatus::complete;
		}));
	}

	void apply(int number, const WindowRead &read, bool first) {
		const WindowBank &bank = bench_.bank;
		const Date today = std::chrono::floor<std::chrono::days>(bench_.clock.now());
		Date shown_from = read.from;
		if (bank.shows_days && bank.tells_shown)
			shown_from = std::max(shown_from, today - std::chrono::days(*bank.shows_days));
		Date oldest = read.to + std::chrono::days(1);
		bool nameless = false;
		for (const auto &[token, entry] : read.rows) {
			nameless = nameless || (entry.broken && entry.id.empty());
			if (!entry.broken)
				oldest = std::min(oldest, entry.date);
		}
		const Date sure = first ? read.to + std::chrono::days(1) : today - std::chrono::days(bank.days.overlap);
		const Date posted_from = std::max(shown_from, std::min(sure, oldest));

		std::map<int, WindowEntry> came = read.rows;
		bool pending_told = !nameless;
		if (bank.pending_apart) {
			pending_told = bank.pending_known;
			for (const auto &[token, entry] : bank.pending_reads.at(number)) {
				pending_told = pending_told && !(entry.broken && entry.id.empty());
				came.emplace(token, entry);
			}
		}
		std::erase_if(rows_, [&](const auto &item) {
			const auto &[token, row] = item;
			if (row.account != number || (came.contains(token) && !came.at(token).id.empty()))
				return false;
			const Date date = row.entry.date;
			if (row.entry.pending)
				return pending_told && (bank.pending_apart || (date >= shown_from && date <= read.to));
			return !nameless && date >= posted_from && date <= read.to;
		});
		std::set<std::string> replaced;
		for (const auto &[token, entry] : read.rows)
			if (!entry.broken && !entry.pending && !entry.link.empty())
				replaced.insert(entry.link);
		not_ours_.insert(replaced.begin(), replaced.end());
		for (const auto &[token, entry] : came)
			if (!entry.broken && entry.id.empty() && !rows_.contains(token))
				forget_one_like(number, entry, came);
		for (const auto &[token, entry] : came) {
			if (entry.broken)
				continue;
			const bool was_there = rows_.contains(token) && rows_.at(token).entry.pending;
			if (entry.pending && !pending_ids_.insert(entry.id).second && !was_there)
				not_ours_.insert(entry.id); // it is back
			rows_[token] = {bank.holders.at(number).id, entry, number};
		}
		std::erase_if(rows_, [&](const auto &item) {
			const Shown &row = item.second;
			return row.account == number && row.entry.pending && replaced.contains(row.entry.id);
		});
	}

	/// A row without an id that is alike one that was there, which may be gone or not, is taken for that one.
	void forget_one_like(int number, const WindowEntry &entry, const std::map<int, WindowEntry> &came) {
		const std::string &id = bench_.bank.holders.at(number).id;
		const auto like_it = std::find_if(rows_.begin(), rows_.end(), [&](const auto &item) {
			return item.second.account == number && !came.contains(item.first) &&
			       as_row(id, item.second.entry) == as_row(id, entry);
		});
		if (like_it != rows_.end())
			rows_.erase(like_it);
	}

	/// Each pending row has one successor at most, which has taken over what was noted on it; unless it has come back,
	/// or the bank itself says otherwise.
	std::string wrong_links() {
		std::string text;
		std::set<std::pair<std::string, std::string>> named;
		const auto &rows = bench_.stored().transactions;
		for (const auto &[key, row] : rows) {
			if (!row.live || row.pending_transaction_id.empty() || not_ours_.contains(row.pending_transaction_id))
				continue;
			if (!named.emplace(row.account_id, row.pending_transaction_id).second &&
			    !row.pending_transaction_id.starts_with("content-"))
				text += row.pending_transaction_id + " has two successors\n";
			const auto pending = rows.find({row.account_id, row.pending_transaction_id});
			if (pending == rows.end())
				continue;
			if (pending->second.live)
				text += row.pending_transaction_id + " is there beside its successor\n";
			if (row.annotations != pending->second.annotations)
				text += row.id + " has lost the annotations of " + row.pending_transaction_id + "\n";
		}
		return text;
	}

	WindowBench &bench_;
	sync::ReadSpans spans_before_;
	std::map<int, Shown> rows_;    // by token
	std::vector<Row> left_behind_; // under ids that their accounts no longer have
	std::map<int, std::string> stored_as_;
	std::map<int, int> refs_;
	std::size_t finished_before_ = 0;
	std::set<std::string> pending_ids_; // that were ever there
	std::set<std::string> not_ours_;    // pending rows of whose successors we are not the judge
};

} // namespace ob::test
