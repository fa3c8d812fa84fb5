// C++ regime.
#include "sync/connection_sync.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>
#include <vector>

#include "core/loop.hpp"
#include "sync/row_count.hpp"

#include "core/pure.hpp"

namespace ob::sync {

namespace {

using namespace std::chrono_literals;

// A new connection's history comes after minutes.
constexpr std::chrono::seconds kHistoryPause = 30s;
// A history that is not complete by then will not be: the connection is synced like any other.
constexpr auto kHistoryPatience = 24h;

// A history that has come by then is not worth an estimate.
constexpr std::int64_t kPagesBeforeEstimate = 4;

// Restarts in a row at the stored cursor's own first page, after which the cursor itself is taken to be stale.
constexpr int kStaleAfter = 3;

bool has_rows(const TransactionPage &page) {
	return !page.rows.empty() || !page.removed.empty() || !page.rejected.empty();
}

/// The provider has nothing yet: no failure, and nothing to go on from. Where it cannot tell how complete the history
/// is, a missing cursor says so.
bool is_not_ready(const ChangePage &page) {
	const bool told =
	    page.status == HistoryStatus::not_ready || (page.status == HistoryStatus::unknown && page.next_cursor.empty());
	return told && !page.has_more && !has_rows(page.transactions);
}

} // namespace

Task<void> ConnectionSync::read_everything(bool full) {
	// Before the first loop has ended every loop reads from the beginning. Without a cursor afterwards, a sweep is
	// owed.
	const bool begun = state_.initial_sync_done || !state_.cursor.empty();
	bool resync = begun && (full || state_.cursor.empty());
	int restarts = 0;
	int at_first_page = 0;
	for (;;) {
		const Trouble trouble = co_await try_loop(resync);
		if (trouble == Trouble::none)
			co_return;
		at_first_page = progress_.pages == 0 ? at_first_page + 1 : 0;
		const bool stale = trouble == Trouble::cursor_invalid || at_first_page >= kStaleAfter;
		if (stale && !resync && !state_.cursor.empty()) {
			resync = true;
			restarts = at_first_page = 0;
			continue;
		}
		if (trouble == Trouble::cursor_invalid || ++restarts > context_.pacing.restarts)
			std::rethrow_exception(trouble_);
		Sleep sleep(restart_pause(restarts));
		co_await sleep;
	}
}

/// Runs a loop; the two troubles that make it begin anew are results here.
Task<ConnectionSync::Trouble> ConnectionSync::try_loop(bool resync) {
	Trouble trouble = Trouble::none;
	try {
		co_await run_loop(resync);
	} catch (const ProviderError &error) {
		if (error.reaction() == Reaction::restart)
			trouble = Trouble::restart;
		else if (error.reaction() == Reaction::cursor_invalid)
			trouble = Trouble::cursor_invalid;
		else
			throw;
		trouble_ = std::current_exception();
	}
	co_return trouble;
}

Task<void> ConnectionSync::run_loop(bool resync) {
	progress_ = Progress();
	progress_.expected = state_.loop_total;
	resync_ = Resync();
	const auto reader =
	    context_.provider->read_changes(context_.session, context_.credentials, resync ? std::string() : state_.cursor);
	ChangePage page = co_await first_page(reader.get());
	if (is_not_ready(page))
		co_await finish_waiting();
	else if (!resync && (!state_.initial_sync_done || history_expected()))
		co_await run_stepwise(reader.get(), std::move(page));
	else
		co_await run_held(reader.get(), std::move(page), resync);
}

Task<void> ConnectionSync::run_stepwise(providers::ChangeReader *reader, ChangePage page) {
	SyncState next = begin_loop();
	const bool again = next.sync_attempt != next.loop_first_attempt;
	AttemptStamp stamp{next.sync_attempt, next.loop_first_attempt, again, !again};
	// From the beginning everything comes, also what an abandoned attempt has stored; else what is not stored yet,
	// which nobody can tell of a loop that was cut off.
	const bool from_beginning = state_.cursor.empty();
	const bool may_estimate = !progress_.expected && (from_beginning || !again);
	const std::int64_t stored = from_beginning ? 0 : state_.transactions;
	Loop &loop = co_await ThisLoop();
	RowCount count(loop);
	for (;;) {
		note_accounts(page.transactions);
		if (account_missing_)
			co_await fetch_missing_accounts();
		const bool last = !page.has_more;
		next.loop_cursor = page.next_cursor;
		if (last) {
			next = end_loop(std::move(next), page, false);
			co_await note_health();
		}
		if (may_estimate && !last && progress_.pages == kPagesBeforeEstimate)
			count.ask(*context_.provider, context_.session, context_.credentials);
		if (const auto total = count.result())
			progress_.expected = std::max<std::int64_t>(*total - stored, 0);
		if (!last)
			next.loop_total = progress_.expected;
		// The bank prepares the next page while this one is written.
		std::optional<ChangePage> following;
		TaskGroup prefetch(loop);
		if (!last) {
			prefetch.spawn(fetch_page_into(reader, &following));
			Sleep until_sent(1ns); // one turn of the loop
			co_await until_sent;
		}
		// A crash that takes back pages of an unfinished loop has merely come earlier.
		const Durability durability = last ? Durability::at_once : Durability::soon;
		SyncReport report;
		const auto write = [&] {
			report = report_;
			SyncStore &store = *context_.store;
			if (!accounts_written_) {
				const AccountCounts counts =
				    store.write_accounts(target_.id, *accounts_, AccountKinds::all, target_.keep_raw);
				report.accounts = {counts.total, report.accounts.changed + counts.changed};
			}
			RowWriter writer(store, target_.id, stamp, target_.keep_raw);
			writer.add(page.transactions);
			writer.flush();
			TransactionCounts written = writer.counts();
			stamp.expect_new = stamp.expect_new && written.modified + written.unchanged == 0;
			if (last && stamp.restamp)
				written.removed += store.remove_ghosts(target_.id, stamp);
			report.transactions += written;
			next.transactions = state_.transactions + written.added - written.removed;
			store.save_state(target_.id, state_, next);
			if (last) {
				complete(report, next, page.status);
				store.finish(target_.id, report);
			}
		};
		context_.store->unit(write, durability);
		state_ = next;
		report_ = report;
		accounts_written_ = true;
		if (last)
			co_return;
		page = ChangePage(); // never two pages in memory
		co_await prefetch.join();
		page = std::move(*following);
	}
}

Task<void> ConnectionSync::run_held(providers::ChangeReader *reader, ChangePage page, bool resync) {
	HeldChanges held(context_.store->make_spool(), target_.keep_raw);
	for (;;) {
		note_accounts(page.transactions);
		if (resync)
			resync_.note(page.transactions);
		held.add(page.transactions);
		if (!page.has_more)
			break;
		page = co_await next_page(reader);
	}
	if (account_missing_)
		co_await fetch_missing_accounts();
	co_await note_health();

	// A first backfill that was cut off has left rows; this loop is then its last attempt.
	const bool unfinished = !state_.loop_cursor.empty();
	SyncState begun = begin_loop();
	const AttemptStamp stamp{begun.sync_attempt, begun.loop_first_attempt, unfinished};
	SyncState next = end_loop(std::move(begun), page, resync);
	// Most loops are such: nothing was stamped with this attempt, so its number may be given once more.
	const bool nothing_new = held.empty() && !resync && !unfinished;
	const bool stays = nothing_new && next.cursor == state_.cursor &&
	                   next.initial_sync_done == state_.initial_sync_done &&
	                   next.history_complete == state_.history_complete;
	if (stays)
		next = state_;
	// Writing a row also compares its raw object, stamps it, and settles what is in quarantine of it.
	const bool may_settle =
	    !target_.keep_raw && !unfinished && !target_.has_quarantine && report_.transactions.quarantined == 0;
	SyncReport report;
	std::function<void()> body = [&] {
		report = report_;
		SyncStore &store = *context_.store;
		const AccountCounts counts = store.write_accounts(target_.id, *accounts_, AccountKinds::all, target_.keep_raw);
		report.accounts = {counts.total, report.accounts.changed + counts.changed};
		RowWriter writer(store, target_.id, stamp, target_.keep_raw);
		if (resync)
			resync_.compare(store, target_.id,
			                {may_settle, page.status == HistoryStatus::complete, &target_.paused_accounts});
		if (!held.empty())
			held.replay(writer, [&](const Transaction &row) { return !resync_.is_settled(row); });
		resync_.sweep(writer);
		if (resync && page.status == HistoryStatus::complete)
			store.sweep_quarantine(target_.id, stamp);
		TransactionCounts written = writer.counts();
		written.unchanged += resync_.settled();
		if (unfinished)
			written.removed += store.remove_ghosts(target_.id, stamp);
		report.transactions += written;
		next.transactions = state_.transactions + written.added - written.removed;
		if (!stays)
			store.save_state(target_.id, state_, next);
		complete(report, next, page.status);
		store.finish(target_.id, report);
	};
	if (context_.batch && nothing_new)
		co_await context_.batch->run(std::move(body));
	else
		context_.store->unit(body);
	state_ = next;
	report_ = report;
	accounts_written_ = true;
}

/// The accounts are true already, and shown; everything else stays as it is, the empty cursor above all.
Task<void> ConnectionSync::finish_waiting() {
	co_await note_health();
	SyncReport report;
	context_.store->unit([&] {
		report = report_;
		const AccountCounts counts =
		    context_.store->write_accounts(target_.id, *accounts_, AccountKinds::all, target_.keep_raw);
		report.accounts = {counts.total, report.accounts.changed + counts.changed};
		complete(report, state_, HistoryStatus::not_ready);
		context_.store->finish(target_.id, report);
	});
	report_ = report;
}

// ---- fetching ----

/// The accounts and the first page side by side: one latency instead of two.
Task<ChangePage> ConnectionSync::first_page(providers::ChangeReader *reader) {
	std::optional<ChangePage> page;
	if (accounts_) {
		co_await fetch_page_into(reader, &page);
	} else {
		Loop &loop = co_await ThisLoop();
		TaskGroup group(loop);
		group.spawn(fetch_accounts());
		group.spawn(fetch_page_into(reader, &page));
		co_await group.join();
	}
	co_return std::move(*page);
}

Task<void> ConnectionSync::fetch_page_into(providers::ChangeReader *reader, std::optional<ChangePage> *page) {
	ChangePage fetched = co_await next_page(reader);
	page->emplace(std::move(fetched));
}

Task<ChangePage> ConnectionSync::next_page(providers::ChangeReader *reader) {
	for (int waits = 0;; ++waits) {
		std::optional<std::chrono::milliseconds> pause;
		try {
			ChangePage page = co_await reader->next();
			note_progress(page.transactions);
			// The middle of a loop without a cursor could not be told from its beginning.
			if (page.has_more && page.next_cursor.empty())
				throw Error(ErrorCode::bad_reply, "a page of changes has no cursor although more follow");
			leave_paused(page.transactions);
			co_return std::move(page);
		} catch (const ProviderError &error) {
			pause = limit_pause(error, waits);
			if (!pause)
				throw;
		}
		Sleep sleep(*pause);
		co_await sleep;
	}
}

Task<void> ConnectionSync::fetch_accounts() {
	std::vector<std::string> every;
	AccountList list = co_await context_.provider->accounts(context_.session, context_.credentials, std::move(every));
	known_accounts_.clear();
	for (const Account &account : list.accounts)
		known_accounts_.insert(account.id);
	told_health_ = list.health;
	accounts_.emplace(std::move(list));
	accounts_written_ = false;
}

/// A transaction named an account that was not listed: it may have come since. Looked for once; a closed account is
/// listed nowhere, and its transactions are stored all the same.
Task<void> ConnectionSync::fetch_missing_accounts() {
	account_missing_ = false;
	looked_for_missing_ = true;
	co_await fetch_accounts();
}

// ---- what pages tell ----

/// A removal that does not name its account may be of another one.
void ConnectionSync::leave_paused(TransactionPage &page) const {
	if (target_.paused_accounts.empty())
		return;
	const auto is_paused = [&](const auto &row) { return target_.paused_accounts.contains(row.account_id); };
	std::erase_if(page.rows, is_paused);
	std::erase_if(page.rejected, is_paused);
	std::erase_if(page.removed, is_paused);
}

void ConnectionSync::note_accounts(const TransactionPage &page) {
	if (looked_for_missing_ || account_missing_)
		return;
	std::string_view last; // rows of one account mostly follow each other
	for (const Transaction &row : page.rows) {
		if (row.account_id == last)
			continue;
		last = row.account_id;
		if (!known_accounts_.contains(std::string(last))) {
			account_missing_ = true;
			return;
		}
	}
}

// ---- state ----

/// The state a loop of this connection begins with: another attempt of the one that was cut off, or a new one.
SyncState ConnectionSync::begin_loop() const {
	SyncState state = state_;
	++state.sync_attempt;
	if (state_.loop_cursor.empty())
		state.loop_first_attempt = state.sync_attempt;
	return state;
}

SyncState ConnectionSync::end_loop(SyncState state, const ChangePage &last, bool resync) const {
	if (resync || !last.next_cursor.empty())
		state.cursor = last.next_cursor;
	state.loop_cursor.clear();
	state.loop_total.reset();
	state.attempts = 0;
	if (last.status != HistoryStatus::not_ready)
		state.initial_sync_done = true;
	if (last.status == HistoryStatus::complete)
		state.history_complete = true;
	if (resync)
		state.sweep_owed = last.status != HistoryStatus::complete;
	else if (state.sweep_owed && last.status == HistoryStatus::complete)
		state.cursor.clear(); // the next sync reads everything again, and sweeps
	return state;
}

bool ConnectionSync::history_expected() const {
	return !state_.history_complete && context_.clock->now() - target_.created_at < kHistoryPatience;
}

void ConnectionSync::complete(SyncReport &report, const SyncState &next, HistoryStatus status) const {
	report.status = SyncStatus::complete;
	if (status == HistoryStatus::not_ready)
		mark_waiting(report);
	else if (status == HistoryStatus::complete ? next.sweep_owed : history_expected())
		report.retry_at = by_age(kHistoryPause);
	fill_totals(report);
}

} // namespace ob::sync

#include "core/pure.hpp"
