// The work of one sync with a provider that has no change feed: account by account, over windows of days. C++ regime.
//
// What was read of each account stands where other providers' cursor does. An account that was never read to its end is
// committed as soon as it is, so a first reading that is cut off goes on with the next account; all others are held and
// committed together. Accounts whose ids have changed are moved before anything is read of them, in a commit of their
// own. Paused ones are not read; once they are again, their next window begins where the last one ended.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "providers/window_provider.hpp"
#include "sync/held_changes.hpp"
#include "sync/sync_run.hpp"
#include "sync/window_plan.hpp"
#include "sync/window_reconcile.hpp"

#include "core/pure.hpp"

namespace ob::sync {

class WindowSync final : public SyncRun {
public:
	/// `provider` is the context's.
	WindowSync(SyncContext context, SyncTarget target, const providers::WindowProvider &provider);

private:
	/// One account, read to its end.
	struct Reading {
		std::string account_id;
		bool first = false; // of the account
		bool signs_contradict = false;
		bool told = true; // the bank has shown it, or has nothing to show
		WindowReconcile rows;
		HeldChanges held;
	};
	using Readings = std::vector<std::unique_ptr<Reading>>;
	/// What a unit is about to make of report, state and spans.
	struct Outcome {
		SyncReport report;
		SyncState state;
		ReadSpans spans;
	};

	Task<void> read_everything(bool full) override;
	Task<bool> read_all(bool full, Readings *held);
	Task<std::unique_ptr<Reading>> read_account(Account account, bool full);
	Task<std::unique_ptr<Reading>> try_account(Account account, bool full);
	WindowPlan plan_for(const Account &account, bool full, bool pending_within) const;
	Task<std::optional<TransactionPage>> next_page(providers::AccountReader *reader, const WindowPlan *plan);
	void estimate_end(const WindowPlan &plan, const TransactionPage &page);

	void follow_moved_accounts();
	void commit_first(Reading &reading);
	Task<void> commit_last(const Readings &held, bool full);
	void finish_waiting();

	Outcome outcome_so_far() const;
	void write_accounts(Outcome &outcome);
	void write_rows(Reading &reading, Outcome &outcome);
	void mark_signs(const Reading &reading, bool whole);
	void save(Outcome &outcome);
	void keep(Outcome outcome);

	const providers::WindowProvider &provider_;
	providers::WindowDays days_;
	Date today_;
	ReadSpans spans_; // as stored
	std::optional<providers::AccountListing> listing_;
	bool accounts_written_ = false;
	bool all_shown_ = true; // of what was read
	bool all_told_ = true;

	std::size_t accounts_begun_ = 0;
	std::optional<std::pair<Date, Date>> days_seen_; // first and last, of the account that is being read
};

} // namespace ob::sync

#include "core/pure.hpp"
