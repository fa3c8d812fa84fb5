// One account's window held against what is stored of it: what to write, what is gone, what has become of pending rows.
// C++ regime.
//
// Gone is what did not come although it should have: a pending row if the pending set was read, a posted row within the
// days that the bank has shown. As long as a row came that is too broken to tell which one it is, nothing is gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/id_table.hpp"
#include "core/store.hpp"
#include "providers/window_provider.hpp"
#include "sync/held_changes.hpp"
#include "sync/row_writer.hpp"
#include "sync/window_pending.hpp"
#include "sync/window_plan.hpp"
#include "sync/window_unnamed.hpp"

#include "core/pure.hpp"

namespace ob::sync {

class WindowReconcile {
public:
	/// `pending_apart`: the pending set is read by itself, before the window.
	WindowReconcile(std::string account_id, const WindowPlan &plan, bool pending_apart);

	// ---- while the account is read ----

	/// What is noted is to be held in the same order; its rows become the account's.
	void note_pending(TransactionPage &page);
	void note_window(TransactionPage &page);
	void end_pending(const providers::Shown &shown) { pending_shown_ = shown; }
	void end_window(const providers::Shown &shown) { window_shown_ = shown; }
	/// Nothing of what was asked for was left out.
	bool shown_in_full() const;

	// ---- once it is read, within the unit; again if that is rolled back ----

	/// Writes all of it. With `may_settle`, rows that are stored just as they came are left out.
	void apply(SyncStore &store, ConnectionId id, HeldChanges &held, RowWriter &writer, bool may_settle);
	/// Rows that apply() left out.
	std::int64_t settled() const noexcept { return settled_; }
	/// What is read of the account now; nothing new if its window was not shown.
	std::optional<ReadSpan> span(const ReadSpan *before) const;

private:
	/// A row that came under an id.
	struct Met {
		IdHash hash;
		std::uint64_t version = 0; // 0: it came in a form that cannot be stored
		bool posted = false;
		bool stored = false;  // live already
		bool settled = false; // and just the same
		bool counted = false;
	};

	void note(TransactionPage &page, bool *nameless);
	void meet_stored(SyncStore &store, ConnectionId id);
	void meet(const Transaction &stored);
	void miss(LooseRow row);
	bool is_gone(const LooseRow &row) const;
	bool is_replaced(std::string_view pending_id);
	bool is_back(std::string_view pending_id);
	void link_posted(HeldChanges &held);
	bool prepare(Transaction &row, bool may_settle);
	bool resolve(Transaction &row, bool *settled);
	void note_pending_left(Date date);
	std::uint64_t version(const Transaction &row);

	std::string account_id_;
	WindowPlan plan_;
	bool pending_apart_;

	// Of what came:
	IdTable<Met> met_;
	UnnamedRows unnamed_;
	std::unordered_set<std::string> replaced_; // pending rows whose place a posted one takes
	std::optional<Date> oldest_;               // of the window
	bool nameless_pending_ = false;
	bool nameless_window_ = false;
	providers::Shown pending_shown_{.at_all = false, .from = {}};
	providers::Shown window_shown_{.at_all = false, .from = {}};

	// Of the present apply():
	std::vector<std::string> gone_;
	PendingMatch match_;
	std::unordered_map<std::string, std::string> links_; // pending row of a posted one: stored, or found now
	std::optional<Date> oldest_pending_left_;
	std::int64_t settled_ = 0;

	std::string scratch_;
};

} // namespace ob::sync

#include "core/pure.hpp"
