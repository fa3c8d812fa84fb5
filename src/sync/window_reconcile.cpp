// C++ regime.
#include "sync/window_reconcile.hpp"

#include <algorithm>
#include <utility>

#include "core/packed.hpp"

#include "core/pure.hpp"

namespace ob::sync {

WindowReconcile::WindowReconcile(std::string account_id, const WindowPlan &plan, bool pending_apart)
    : account_id_(std::move(account_id)), plan_(plan), pending_apart_(pending_apart) {}

// ---- what comes ----

void WindowReconcile::note_pending(TransactionPage &page) {
	note(page, &nameless_pending_);
}

void WindowReconcile::note_window(TransactionPage &page) {
	note(page, &nameless_window_);
	for (const Transaction &row : page.rows) {
		oldest_ = std::min(oldest_.value_or(row.date), row.date);
		if (!row.pending && !row.pending_transaction_id.empty())
			replaced_.emplace(row.pending_transaction_id);
	}
}

void WindowReconcile::note(TransactionPage &page, bool *nameless) {
	for (Transaction &row : page.rows) {
		row.account_id = account_id_;
		if (row.id.empty()) {
			unnamed_.note(row, version(row));
			continue;
		}
		Met &met = met_.insert(id_hash(row.id));
		met.version = version(row);
		met.posted = !row.pending;
	}
	for (RejectedRow &row : page.rejected) {
		row.account_id = account_id_;
		if (row.transaction_id.empty())
			*nameless = true;
		else
			met_.insert(id_hash(row.transaction_id));
	}
}

bool WindowReconcile::shown_in_full() const {
	const bool window = window_shown_.at_all && window_shown_.from.value_or(plan_.from) <= plan_.from;
	return window && (pending_shown_.at_all || !pending_apart_);
}

// ---- what is stored ----

void WindowReconcile::apply(SyncStore &store, ConnectionId id, HeldChanges &held, RowWriter &writer, bool may_settle) {
	gone_.clear();
	match_ = PendingMatch();
	links_.clear();
	oldest_pending_left_.reset();
	settled_ = 0;
	meet_stored(store, id);
	if (match_.wanted())
		link_posted(held);
	unnamed_.begin_pass();
	held.replay(writer, [&](Transaction &row) { return prepare(row, may_settle); });
	for (const std::string &gone : gone_)
		writer.add(RemovedTransaction{gone, account_id_});
	writer.flush();
}

void WindowReconcile::meet_stored(SyncStore &store, ConnectionId id) {
	unnamed_.begin_meeting();
	store.each_live_transaction_since(id, account_id_, plan_.stored_from,
	                                  [&](const Transaction &stored) { meet(stored); });
	for (LooseRow &left : unnamed_.assign())
		miss(std::move(left));
}

void WindowReconcile::meet(const Transaction &stored) {
	if (stored.pending && is_replaced(stored.id)) {
		gone_.emplace_back(stored.id);
		return;
	}
	if (!stored.pending_transaction_id.empty())
		links_.emplace(stored.id, stored.pending_transaction_id);
	const std::uint64_t stored_version = version(stored);
	if (Met *met = met_.find(id_hash(stored.id))) {
		met->stored = true;
		met->settled = met->version == stored_version;
		met->counted = false;
		if (stored.pending && met->version == 0)
			note_pending_left(stored.date);
	} else if (!unnamed_.meet(stored, stored_version)) {
		miss(LooseRow(stored));
	}
}

void WindowReconcile::miss(LooseRow row) {
	if (is_gone(row)) {
		gone_.push_back(row.id);
		if (row.pending)
			match_.add_gone(std::move(row));
	} else if (row.pending) {
		note_pending_left(row.date);
	}
}

bool WindowReconcile::is_gone(const LooseRow &row) const {
	if (row.pending && pending_apart_)
		return pending_shown_.at_all && !nameless_pending_;
	if (!window_shown_.at_all || nameless_window_ || row.date > plan_.to)
		return false;
	Date from = std::max(plan_.from, window_shown_.from.value_or(plan_.from));
	if (!row.pending)
		from = std::max(from, std::min(plan_.sure_from, oldest_.value_or(plan_.sure_from)));
	return row.date >= from;
}

/// Not if it has been posted under its own id as well: that row is another one, or the same that names itself.
bool WindowReconcile::is_replaced(std::string_view pending_id) {
	if (!replaced_.contains(std::string(pending_id)))
		return false;
	const Met *met = met_.find(id_hash(pending_id));
	return !met || !met->posted;
}

/// A pending row that was taken for posted is there once more: so it was not.
bool WindowReconcile::is_back(std::string_view pending_id) {
	const Met *met = met_.find(id_hash(pending_id));
	return (met && !met->posted) || unnamed_.has_come(pending_id);
}

// ---- what is written ----

/// Looks among the posted rows that are new for those that gone pending ones have become.
void WindowReconcile::link_posted(HeldChanges &held) {
	unnamed_.begin_pass();
	held.each_row([&](Transaction &row) {
		bool settled = false;
		const bool stored = resolve(row, &settled);
		if (!stored && !row.pending && row.pending_transaction_id.empty())
			match_.add_new(row);
	});
	match_.each_pair([&](const std::string &posted, const std::string &pending) { links_.emplace(posted, pending); });
}

/// Completes the row; false if it is not to be written.
bool WindowReconcile::prepare(Transaction &row, bool may_settle) {
	bool settled = false;
	resolve(row, &settled);
	if (row.pending) {
		if (is_replaced(row.id))
			return false;
		note_pending_left(row.date);
	}
	// The bank's own word on what a row was comes before ours.
	const auto link = links_.find(std::string(row.id));
	const std::string_view known = link != links_.end() ? std::string_view(link->second) : std::string_view();
	if (row.pending_transaction_id.empty() && !known.empty() && !is_back(known))
		row.pending_transaction_id = known;
	if (!may_settle || !settled || row.pending_transaction_id != known)
		return true;
	Met *met = met_.find(id_hash(row.id));
	if (!met || !std::exchange(met->counted, true))
		++settled_;
	return false;
}

/// Gives the row its id. Returns whether it is live already, and in `settled` whether just the same, but for its link.
bool WindowReconcile::resolve(Transaction &row, bool *settled) {
	if (row.id.empty()) {
		const UnnamedRows::Came &came = unnamed_.take(row, version(row));
		row.id = came.id;
		*settled = came.settled;
		return came.stored;
	}
	const Met *met = met_.find(id_hash(row.id));
	*settled = met->settled;
	return met->stored;
}

std::optional<ReadSpan> WindowReconcile::span(const ReadSpan *before) const {
	if (!window_shown_.at_all)
		return std::nullopt;
	return extended_span(before, plan_, window_shown_.from, oldest_pending_left_);
}

void WindowReconcile::note_pending_left(Date date) {
	oldest_pending_left_ = std::min(oldest_pending_left_.value_or(date), date);
}

/// Of everything that is stored of a row but for its id, its link and the provider's object. Equal values may have
/// different versions (1.0 and 1.00), which merely means that they are compared by the table.
std::uint64_t WindowReconcile::version(const Transaction &row) {
	Transaction bare = row;
	bare.raw = bare.id = bare.account_id = bare.pending_transaction_id = {};
	scratch_.clear();
	packed::Writer(scratch_).add(bare);
	return std::max<std::uint64_t>(id_hash(scratch_).low, 1);
}

} // namespace ob::sync

#include "core/pure.hpp"
