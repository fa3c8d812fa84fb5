// C++ regime.
#include "providers/truelayer/windows.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "providers/truelayer/errors.hpp"
#include "providers/truelayer/rows.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

using std::chrono::days;

// Ranges to ask for right after a login, where the one that is wanted is refused.
constexpr std::array<days, 4> kLadder{days(1825), days(730), days(365), days(90)};

constexpr ErrorRule kTooFarBack{"",
                                Reaction::permanent,
                                ErrorCode::refused,
                                "",
                                "the bank does not show days that far back",
                                "Ask for at most 88 days, or read the synced table: it has what the bank showed right "
                                "after the login."};

/// After a refusal of days since `from`: the next shorter range to ask for, if there is one.
std::optional<Date> narrower(Date today, Date from, Refusal refusal) {
	const Date any_time = today - kShownAnyTime;
	const bool by_days = refusal == Refusal::fewer_days || refusal == Refusal::only_present;
	if (from >= any_time || !by_days)
		return std::nullopt;
	if (refusal == Refusal::fewer_days)
		for (const days step : kLadder)
			if (today - step > from)
				return today - step;
	return any_time;
}

/// What may be done about days that the bank does not show.
enum class Gaps {
	told, // shown() tells of them
	none, // nothing: they are an error
};

class AccountWindowReader final : public AccountReader {
public:
	AccountWindowReader(Session session, Credentials credentials, AccountWindow window, Gaps gaps)
	    : rows_(std::move(session), std::move(credentials), std::move(window.account), Kind::posted),
	      today_(today_of(rows_.session())), gaps_(gaps) {
		Date from = window.from;
		if (gaps_ == Gaps::told && !in_deep_window(rows_.session()))
			from = std::max(from, today_ - kShownAnyTime);
		if (from > window.from)
			shown_.from = from;
		const Date to = std::min(window.to, today_); // a day to come is refused
		if (from <= to)
			ranges_.push_back({from, to});
	}

	Task<std::optional<TransactionPage>> next() override {
		while (!ranges_.empty()) {
			const Range range = ranges_.front();
			std::optional<Asked> asked;
			try {
				Task<Asked> asking = rows_.ask(range);
				asked = co_await asking;
			} catch (const Error &error) {
				if (error.code() != ErrorCode::limit_exceeded || range.to - range.from < kLeastParted)
					throw;
			}
			if (!asked) {
				part(range);
			} else if (asked->refused) {
				yield_to(*asked, range);
			} else {
				ranges_.pop_front();
				signs_contradict_ = signs_contradict_ || asked->signs_contradict;
				co_return std::move(asked->page);
			}
		}
		co_return std::nullopt;
	}

	Shown shown() const override { return shown_; }
	bool signs_contradict() const override { return signs_contradict_; }

private:
	// With a day that both parts have on either side, shorter ranges would not become shorter.
	static constexpr days kLeastParted{3};

	/// The answer is larger than what is taken at once.
	void part(const Range &range) {
		const Date middle = range.from + (range.to - range.from) / 2;
		const Date after = middle + days(1);
		ranges_.pop_front();
		ranges_.push_front({middle, range.to, std::max(range.keep_from, after), range.keep_to});
		ranges_.push_front({range.from, after, range.keep_from, std::min(range.keep_to, middle)});
	}

	/// Asks for fewer days, or for none; throws what is a refusal of the whole connection.
	void yield_to(const Asked &asked, const Range &range) {
		const std::optional<Date> from = narrower(today_, range.from, asked.refusal);
		if (from && gaps_ == Gaps::none)
			throw error_by(kTooFarBack, {}, kTransactionsEndpoint);
		if (from && *from <= range.to) {
			ranges_.front().from = *from;
			shown_.from = from;
			return;
		}
		if (from && ranges_.size() > 1) { // this part is too old, and a later one is left
			ranges_.pop_front();
			shown_.from = ranges_.front().keep_from;
			return;
		}
		const bool of_consent = asked.refusal == Refusal::other || asked.refusal == Refusal::fewer_days;
		if (of_consent || gaps_ == Gaps::none)
			throw ProviderError(*asked.refused);
		ranges_.clear();
		shown_.at_all = false;
		shown_.never = asked.refusal == Refusal::not_offered;
	}

	Rows rows_;
	Date today_;
	Gaps gaps_;
	std::deque<Range> ranges_;
	Shown shown_;
	bool signs_contradict_ = false;
};

class PendingReader final : public AccountReader {
public:
	PendingReader(Session session, Credentials credentials, Account account)
	    : rows_(std::move(session), std::move(credentials), std::move(account), Kind::pending) {}

	/// Not every bank shows pending rows: what it says no with says nothing of the connection.
	Task<std::optional<TransactionPage>> next() override {
		if (done_)
			co_return std::nullopt;
		Task<Asked> asking = rows_.ask(std::nullopt);
		Asked asked = co_await asking;
		if (asked.refused && asked.refusal == Refusal::other)
			throw ProviderError(*asked.refused);
		done_ = true;
		shown_.at_all = !asked.refused;
		shown_.never = asked.refused && asked.refusal == Refusal::not_offered;
		if (asked.refused)
			co_return std::nullopt;
		co_return std::move(asked.page);
	}

	Shown shown() const override { return shown_; }

private:
	Rows rows_;
	bool done_ = false;
	Shown shown_;
};

} // namespace

void check_shown(const Session &session, Date from, bool named) {
	if (from < today_of(session) - kShownAnyTime && !(named && in_deep_window(session)))
		throw error_by(kTooFarBack, {}, kTransactionsEndpoint);
}

std::unique_ptr<AccountReader> read_account(Session session, Credentials credentials, AccountWindow window) {
	return std::make_unique<AccountWindowReader>(std::move(session), std::move(credentials), std::move(window),
	                                             Gaps::told);
}

std::unique_ptr<AccountReader> read_account_whole(Session session, Credentials credentials, AccountWindow window) {
	return std::make_unique<AccountWindowReader>(std::move(session), std::move(credentials), std::move(window),
	                                             Gaps::none);
}

std::unique_ptr<AccountReader> read_pending(Session session, Credentials credentials, Account account) {
	return std::make_unique<PendingReader>(std::move(session), std::move(credentials), std::move(account));
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
