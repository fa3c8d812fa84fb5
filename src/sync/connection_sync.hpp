// The work of one sync: loops over the provider's change feed, begun anew where they must. C++ regime.
//
// Three ways to run a loop:
// - step by step, while the first backfill lasts: each page is committed as it comes. The loop's first cursor stays the
//   stored one until the loop has ended, because a cursor from the middle is no place to go on from; a loop that was
//   cut off begins again there, sees its rows again, and at its end takes back what only the abandoned attempt saw. The
//   backfill lasts until the provider calls the history complete, but no longer than a day: some never do.
// - held, afterwards: all pages are gathered and applied in one unit.
// - held from the very beginning, a resync: asked for, or because the provider refuses the stored cursor. What was
//   removed meanwhile is never told, so all that did not come is marked removed, if the history is complete. If it is
//   not, or nobody can tell, the sweep is owed: loops go on from the new cursor, and once one of them ends with a
//   complete history, everything is read again.
//
// Changes of paused accounts are passed over. Whoever resumes one drops the cursor: a feed tells each change once.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <unordered_set>

#include "core/store.hpp"
#include "core/task.hpp"
#include "providers/provider.hpp"
#include "sync/held_changes.hpp"
#include "sync/resync.hpp"
#include "sync/row_writer.hpp"
#include "sync/sync_run.hpp"

#include "core/pure.hpp"

namespace ob::sync {

class ConnectionSync final : public SyncRun {
public:
	using SyncRun::SyncRun;

private:
	enum class Trouble { none, restart, cursor_invalid };

	Task<void> read_everything(bool full) override;
	Task<Trouble> try_loop(bool resync);
	Task<void> run_loop(bool resync);
	Task<void> run_stepwise(providers::ChangeReader *reader, ChangePage page);
	Task<void> run_held(providers::ChangeReader *reader, ChangePage page, bool resync);
	Task<void> finish_waiting();

	Task<ChangePage> first_page(providers::ChangeReader *reader);
	Task<void> fetch_page_into(providers::ChangeReader *reader, std::optional<ChangePage> *page);
	Task<ChangePage> next_page(providers::ChangeReader *reader);
	Task<void> fetch_accounts();
	Task<void> fetch_missing_accounts();

	void leave_paused(TransactionPage &page) const;
	void note_accounts(const TransactionPage &page);

	SyncState begin_loop() const;
	SyncState end_loop(SyncState state, const ChangePage &last, bool resync) const;
	bool history_expected() const;
	void complete(SyncReport &report, const SyncState &next, HistoryStatus status) const;

	std::exception_ptr trouble_; // of the last loop that has to begin anew

	std::optional<AccountList> accounts_;
	bool accounts_written_ = false;
	std::unordered_set<std::string> known_accounts_;
	bool account_missing_ = false;
	bool looked_for_missing_ = false;

	// Of the present attempt:
	Resync resync_;
};

} // namespace ob::sync

#include "core/pure.hpp"
