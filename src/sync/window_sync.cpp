// C++ regime.
#include "sync/window_sync.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <functional>
#include <utility>

#include "core/loop.hpp"
#include "providers/row_identity.hpp"
#include "sync/window_accounts.hpp"

#include "core/pure.hpp"

namespace ob::sync {

WindowSync::WindowSync(SyncContext context, SyncTarget target, const providers::WindowProvider &provider)
    : SyncRun(std::move(context), std::move(target)), provider_(provider),
      today_(std::chrono::floor<std::chrono::days>(context_.clock->now())), spans_(state_.cursor) {}

Task<void> WindowSync::read_everything(bool full) {
	days_ = provider_.window_days(*context_.session.server);
	full = full || state_.sweep_owed;
	Readings held;
	const bool ready = co_await read_all(full, &held);
	co_await note_health();
	if (ready)
		co_await commit_last(held, full);
	else
		finish_waiting();
}

// ---- reading ----

/// False if the provider has no data yet.
Task<bool> WindowSync::read_all(bool full, Readings *held) {
	bool ready = true;
	try {
		listing_ = co_await provider_.list_accounts(context_.session, context_.credentials);
		told_health_ = listing_->list.health;
		all_shown_ = listing_->told == AccountKinds::all;
		std::erase_if(listing_->numbers, [](const auto &number) { return !providers::number_key(number); });
		follow_moved_accounts();
		for (const Account &account : listing_->list.accounts) {
			++accounts_begun_;
			if (target_.paused_accounts.contains(account.id))
				continue;
			std::unique_ptr<Reading> reading = co_await read_account(account, full);
			all_shown_ = all_shown_ && reading->rows.shown_in_full();
			all_told_ = all_told_ && reading->told;
			if (reading->first)
				commit_first(*reading);
			else
				held->push_back(std::move(reading));
		}
	} catch (const ProviderError &error) {
		if (error.reaction() != Reaction::not_ready)
			throw;
		ready = false;
	}
	co_return ready;
}

/// Data that change between two pages have the account read anew.
Task<std::unique_ptr<WindowSync::Reading>> WindowSync::read_account(Account account, bool full) {
	for (int restarts = 1;; ++restarts) {
		try {
			co_return co_await try_account(account, full);
		} catch (const ProviderError &error) {
			if (error.reaction() != Reaction::restart || restarts > context_.pacing.restarts)
				throw;
		}
		Sleep sleep(restart_pause(restarts));
		co_await sleep;
	}
}

/// The pending set comes first: a row that is posted meanwhile is then shown twice until the next sync, and not missing
/// until then.
Task<std::unique_ptr<WindowSync::Reading>> WindowSync::try_account(Account account, bool full) {
	const auto pending = provider_.read_pending(context_.session, context_.credentials, account);
	const WindowPlan plan = plan_for(account, full, !pending);
	auto reading = std::make_unique<Reading>(Reading{account.id, plan.first, false, true,
	                                                 WindowReconcile(account.id, plan, pending != nullptr),
	                                                 HeldChanges(context_.store->make_spool(), target_.keep_raw)});
	if (pending) {
		while (std::optional<TransactionPage> page = co_await next_page(pending.get(), nullptr)) {
			reading->rows.note_pending(*page);
			reading->held.add(*page);
		}
		reading->rows.end_pending(pending->shown());
	}
	const auto window =
	    provider_.read_account(context_.session, context_.credentials, {std::move(account), plan.from, plan.to});
	days_seen_.reset();
	while (std::optional<TransactionPage> page = co_await next_page(window.get(), &plan)) {
		reading->rows.note_window(*page);
		reading->held.add(*page);
	}
	reading->rows.end_window(window->shown());
	reading->told = window->shown().at_all || window->shown().never;
	reading->signs_contradict = window->signs_contradict();
	co_return reading;
}

/// After a login, missing days can be had that cannot be had at another time.
WindowPlan WindowSync::plan_for(const Account &account, bool full, bool pending_within) const {
	const ReadSpan *span = spans_.find(account.id);
	full = full || (span && lacks_history(*span, days_, today_) && provider_.shows_all_days_now(context_.session));
	return plan_window(span, days_, today_, full, pending_within);
}

Task<std::optional<TransactionPage>> WindowSync::next_page(providers::AccountReader *reader, const WindowPlan *plan) {
	for (int waits = 0;; ++waits) {
		std::optional<std::chrono::milliseconds> pause;
		try {
			std::optional<TransactionPage> page = co_await reader->next();
			if (page && plan)
				estimate_end(*plan, *page);
			if (page)
				note_progress(*page);
			co_return page;
		} catch (const ProviderError &error) {
			pause = limit_pause(error, waits);
			if (!pause)
				throw;
		}
		Sleep sleep(*pause);
		co_await sleep;
	}
}

/// By the days that rows have come of: banks begin at one end of the window or the other.
void WindowSync::estimate_end(const WindowPlan &plan, const TransactionPage &page) {
	for (const Transaction &row : page.rows) {
		const Date day = std::clamp(row.date, plan.from, plan.to);
		if (!days_seen_)
			days_seen_.emplace(day, day);
		days_seen_ = {std::min(days_seen_->first, day), std::max(days_seen_->second, day)};
	}
	if (!days_seen_)
		return;
	const auto days = [](Date from, Date to) { return static_cast<double>((to - from).count() + 1); };
	const double of_account = days(days_seen_->first, days_seen_->second) / days(plan.from, plan.to);
	const double share =
	    (static_cast<double>(accounts_begun_ - 1) + of_account) / static_cast<double>(listing_->list.accounts.size());
	const auto read = static_cast<double>(progress_.transactions) + static_cast<double>(page.rows.size());
	progress_.expected = std::llround(read / share);
}

// ---- committing ----

/// Only where an account has come of which nothing was read: it may be one that was.
void WindowSync::follow_moved_accounts() {
	bool all_known = true;
	for (const Account &account : listing_->list.accounts)
		all_known = all_known && spans_.find(account.id);
	if (all_known)
		return;
	Outcome outcome;
	bool moved = false;
	context_.store->unit([&] {
		outcome = outcome_so_far();
		moved = false;
		for (const AccountMove &move : find_moved_accounts(context_.store->kept_accounts(target_.id), *listing_)) {
			if (!context_.store->move_account(target_.id, move.from, move.to))
				continue;
			outcome.spans.rename(move.from, move.to);
			if (target_.paused_accounts.contains(move.from))
				target_.paused_accounts.insert(move.to);
			++outcome.report.accounts.changed;
			moved = true;
		}
		if (!moved)
			return;
		write_accounts(outcome);
		save(outcome);
	});
	if (moved)
		keep(std::move(outcome));
}

void WindowSync::commit_first(Reading &reading) {
	Outcome outcome;
	context_.store->unit([&] {
		outcome = outcome_so_far();
		write_accounts(outcome);
		write_rows(reading, outcome);
		mark_signs(reading, true);
		save(outcome);
	});
	keep(std::move(outcome));
}

/// May come into one commit with other connections' results, unless there is much of it.
Task<void> WindowSync::commit_last(const Readings &held, bool full) {
	Outcome outcome;
	std::function<void()> body = [&] {
		outcome = outcome_so_far();
		write_accounts(outcome);
		for (const auto &reading : held) {
			write_rows(*reading, outcome);
			mark_signs(*reading, full && reading->rows.shown_in_full());
		}
		// What the bank kept back may be among what is in quarantine.
		if (full && all_shown_)
			context_.store->sweep_quarantine(target_.id, {.attempt = outcome.state.sync_attempt});
		outcome.state.initial_sync_done = true;
		outcome.state.history_complete = all_told_ && !outcome.spans.have_gap();
		outcome.state.sweep_owed = outcome.state.sweep_owed && !full;
		outcome.state.attempts = 0;
		save(outcome);
		fill_totals(outcome.report);
		context_.store->finish(target_.id, outcome.report);
	};
	if (context_.batch && !full && !accounts_written_)
		co_await context_.batch->run(std::move(body));
	else
		context_.store->unit(body);
	keep(std::move(outcome));
}

/// The accounts are true already, if there are any; everything else stays as it is.
void WindowSync::finish_waiting() {
	Outcome outcome;
	context_.store->unit([&] {
		outcome = outcome_so_far();
		if (listing_)
			write_accounts(outcome);
		mark_waiting(outcome.report);
		fill_totals(outcome.report);
		context_.store->finish(target_.id, outcome.report);
	});
	report_ = outcome.report;
}

// ---- within a unit ----

WindowSync::Outcome WindowSync::outcome_so_far() const {
	Outcome outcome{report_, state_, spans_};
	// Rows that are written now are of this sync, however often it has committed.
	outcome.state.sync_attempt = target_.sync.sync_attempt + 1;
	return outcome;
}

void WindowSync::write_accounts(Outcome &outcome) {
	if (accounts_written_)
		return;
	const AccountCounts counts =
	    context_.store->write_accounts(target_.id, listing_->list, listing_->told, target_.keep_raw);
	outcome.report.accounts = {counts.total, outcome.report.accounts.changed + counts.changed};
	if (!listing_->numbers.empty())
		context_.store->keep_account_numbers(target_.id, listing_->numbers);
}

void WindowSync::write_rows(Reading &reading, Outcome &outcome) {
	// Writing a row also compares its raw object, and settles what is in quarantine of it.
	const bool may_settle =
	    !target_.keep_raw && !target_.has_quarantine && outcome.report.transactions.quarantined == 0;
	const std::int64_t attempt = outcome.state.sync_attempt;
	RowWriter writer(*context_.store, target_.id, {attempt, attempt, false, reading.first}, target_.keep_raw);
	reading.rows.apply(*context_.store, target_.id, reading.held, writer, may_settle);
	TransactionCounts written = writer.counts();
	written.unchanged += reading.rows.settled();
	outcome.report.transactions += written;
	outcome.state.transactions += written.added - written.removed;
	if (const auto span = reading.rows.span(spans_.find(reading.account_id)))
		outcome.spans.set(reading.account_id, *span);
}

/// Only a whole reading shows that there are no such amounts.
void WindowSync::mark_signs(const Reading &reading, bool whole) {
	if (reading.signs_contradict || whole)
		context_.store->mark_signs(target_.id, reading.account_id, reading.signs_contradict);
}

void WindowSync::save(Outcome &outcome) {
	outcome.state.cursor = outcome.spans.to_text();
	outcome.state.history_from = outcome.spans.all_read_since();
	context_.store->save_state(target_.id, state_, outcome.state);
}

/// The unit has committed.
void WindowSync::keep(Outcome outcome) {
	report_ = std::move(outcome.report);
	state_ = std::move(outcome.state);
	spans_ = std::move(outcome.spans);
	accounts_written_ = true;
}

} // namespace ob::sync

#include "core/pure.hpp"
