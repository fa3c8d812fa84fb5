// Random lives of a bank without a change feed: after each sync the database shows what the windows can have told.
#include <gtest/gtest.h>

#include <random>

#include "unit/support/window_bench.hpp"
#include "unit/support/window_expected.hpp"

namespace ob::sync {
namespace {

using test::WindowBank;
using test::WindowBench;
using test::WindowEntry;

const ProviderError kDown(ErrorCode::provider_down, Reaction::institution_down, "DOWN", "the bank is down", {});
const ProviderError kRestart(ErrorCode::bad_reply, Reaction::restart, "CHANGED", "data changed", {});
const ProviderError kNotReady(ErrorCode::bad_reply, Reaction::not_ready, "PENDING", "not ready", {});

/// Life at a bank.
class History {
public:
	History(WindowBench &bench, std::uint32_t seed) : bench_(bench), bank_(bench.bank), random_(seed) {}

	std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
	bool one_in(std::uint32_t n) { return below(n) == 0; }

	void begin() {
		bank_.pending_apart = one_in(2);
		ids_ = below(3);
		bench_.keep_raw = one_in(4);
		bank_.days = {static_cast<int>(30 + below(60)), static_cast<int>(5 + below(8))};
		bank_.holders[1].id = "account1";
		bank_.holders[2] = {.id = "account2", .iban = {}, .currency = "GBP"};
	}

	void step() {
		switch (below(12)) {
		case 0:
		case 1:
			add(false);
			break;
		case 2:
			add(true);
			break;
		case 3:
			edit([&](WindowEntry &entry) { entry.amount = amount(); });
			break;
		case 4:
			edit([&](WindowEntry &entry) {
				entry.date = std::min(today(), entry.date + std::chrono::days(below(25)) - std::chrono::days(12));
			});
			break;
		case 5:
			edit([&](WindowEntry &entry) { entry.description = description(); });
			break;
		case 6:
			remove();
			break;
		case 7:
			bring_back();
			break;
		case 8:
		case 9:
			post();
			break;
		case 10:
			if (one_in(3))
				spoil_or_mend();
			break;
		default:
			if (one_in(4))
				change_account();
		}
	}

	void live_on() {
		for (std::uint32_t i = below(10); i > 0; --i)
			step();
		if (one_in(2))
			bench_.clock.advance(std::chrono::hours(24 * (one_in(8) ? 60 : 1) * below(12)));
		bank_.page_size = 1 + below(5);
		bank_.shuffle = below(1000);
		bank_.repeats = one_in(3);
		bank_.pending_known = !one_in(6);
		bank_.tells_shown = one_in(2);
		bank_.shows_days.reset();
		if (one_in(4))
			bank_.shows_days = 14 + below(20);
	}

	/// The user notes something on what is pending.
	void annotate() {
		for (auto &[key, row] : bench_.stored().transactions)
			if (row.live && row.pending && row.annotations.empty())
				row.annotations = "noted on " + row.id;
	}

private:
	Date today() const { return std::chrono::floor<std::chrono::days>(bench_.clock.now()); }

	std::string new_id() {
		if (ids_ == 0 || (ids_ == 1 && one_in(2)))
			return {};
		return "id" + std::to_string(++last_id_);
	}
	/// Few of each, so that rows are often alike.
	std::string amount() { return "-" + std::to_string(1 + below(4)) + ".50"; }
	std::string description() {
		static const char *const kWords[] = {"TESCO", "TESCO STORES 12", "SHELL", "Shell Garage", "COFFEE"};
		return kWords[below(5)];
	}

	void add(bool pending) {
		WindowEntry entry;
		entry.account = 1 + static_cast<int>(below(2));
		entry.id = new_id();
		entry.amount = amount();
		entry.description = description();
		entry.date = today() - std::chrono::days(below(one_in(5) ? 60 : 6));
		entry.pending = pending;
		bank_.add(std::move(entry));
	}

	std::optional<int> pick(bool pending_only = false) {
		std::vector<int> tokens;
		for (const auto &[token, entry] : bank_.entries)
			if (!pending_only || entry.pending)
				tokens.push_back(token);
		if (tokens.empty())
			return std::nullopt;
		return tokens[below(static_cast<std::uint32_t>(tokens.size()))];
	}

	/// Without an id that lasts, what has changed is another row.
	template <class F>
	void edit(F &&change) {
		const auto token = pick();
		if (!token)
			return;
		WindowEntry entry = bank_.entries.at(*token);
		change(entry);
		if (!entry.id.empty()) {
			bank_.entries[*token] = entry;
			return;
		}
		bank_.entries.erase(*token);
		bank_.add(std::move(entry));
	}

	void remove() {
		if (const auto token = pick()) {
			gone_.emplace_back(*token, bank_.entries.at(*token));
			bank_.entries.erase(*token);
		}
	}

	void bring_back() {
		if (gone_.empty())
			return;
		bank_.entries.insert(gone_.back());
		gone_.pop_back();
	}

	void post() {
		const auto token = pick(true);
		if (!token)
			return;
		WindowEntry entry = bank_.entries.at(*token);
		const std::string pending_id = entry.id;
		entry.pending = entry.broken = false;
		entry.date = std::min(today(), entry.date + std::chrono::days(below(4)));
		if (one_in(4))
			entry.amount = amount();
		if (!pending_id.empty() && one_in(3)) { // under its own id
			bank_.entries[*token] = entry;
			return;
		}
		bank_.entries.erase(*token);
		entry.id = new_id();
		if (one_in(3))
			entry.link = pending_id;
		bank_.add(std::move(entry));
	}

	void spoil_or_mend() {
		for (auto &[token, entry] : bank_.entries)
			if (entry.broken) {
				entry.broken = false;
				return;
			}
		if (const auto token = pick())
			bank_.entries[*token].broken = true;
	}

	void change_account() {
		test::WindowBankAccount &account = bank_.holders[1 + static_cast<int>(below(2))];
		if (one_in(3))
			account.listed = !account.listed;
		else if (account.listed)
			account.id = "account" + std::to_string(++last_account_);
		account.balance = amount();
	}

	WindowBench &bench_;
	WindowBank &bank_;
	std::mt19937 random_;
	std::uint32_t ids_ = 0; // 0: none, 1: some, 2: all rows have one
	int last_id_ = 0;
	int last_account_ = 10;
	std::vector<std::pair<int, WindowEntry>> gone_;
};

/// A sync in which something goes wrong, or nothing.
void try_sync(WindowBench &bench, History &history) {
	const ProviderError faults[] = {kDown, kRestart, kNotReady};
	if (history.one_in(3))
		bench.bank.fault.emplace(history.below(12), faults[history.below(3)]);
	try {
		if (history.one_in(2)) {
			const bool died = !bench.sync_or_kill(static_cast<int>(history.below(60)));
			if (died && history.one_in(2))
				bench.store.crash();
		} else {
			bench.sync(history.one_in(4));
		}
	} catch (const Error &) {
	}
	bench.bank.fault.reset();
}

std::map<int, std::pair<Date, Date>> windows_of(const WindowBank &bank) {
	std::map<int, std::pair<Date, Date>> windows;
	for (const auto &[number, read] : bank.reads)
		windows[number] = {read.from, read.to};
	return windows;
}

class WindowHistories : public testing::TestWithParam<std::uint32_t> {};

TEST_P(WindowHistories, AreShownAsFarAsWindowsTell) {
	WindowBench bench;
	History history(bench, GetParam());
	test::WindowExpected expected(bench);
	history.begin();
	for (int round = 0; round < 14; ++round) {
		const std::string where = "seed " + std::to_string(GetParam()) + " round " + std::to_string(round);
		history.live_on();
		if (history.one_in(2)) {
			expected.begin();
			try_sync(bench, history);
			expected.end();
		}
		expected.begin();
		ASSERT_NO_THROW(bench.sync(history.one_in(8))) << where;
		expected.end();
		ASSERT_EQ(expected.differences(), "") << where;

		const int writes = bench.store.row_writes;
		const auto windows = windows_of(bench.bank);
		expected.begin();
		ASSERT_NO_THROW(bench.sync()) << where;
		expected.end();
		ASSERT_EQ(expected.differences(), "") << where << " again";
		if (windows_of(bench.bank) == windows) {
			ASSERT_EQ(bench.store.row_writes, writes) << where << ": what is stored was written again";
		}
		history.annotate();
	}
}

INSTANTIATE_TEST_SUITE_P(Seeds, WindowHistories, testing::Range(1u, 321u));

} // namespace
} // namespace ob::sync
