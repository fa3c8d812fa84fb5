// Which days of an account to read next, and what was read so far. C++ regime.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "providers/window_provider.hpp"

#include "core/pure.hpp"

namespace ob::sync {

/// Days that the bank did not show any more when they were asked for, both inclusive.
struct Gap {
	Date from{};
	Date to{};

	friend bool operator==(const Gap &, const Gap &) = default;
};

/// What was read of one account.
struct ReadSpan {
	Date from{};
	Date to{}; // end of the last window that was read to its end
	/// Day of the oldest pending row that was left then: such rows may be older than the next window.
	std::optional<Date> oldest_pending;
	std::optional<Gap> gap = {}; // all unread days lie in it

	friend bool operator==(const ReadSpan &, const ReadSpan &) = default;
};

/// By account id. For a provider without a cursor this is the cursor.
class ReadSpans {
public:
	ReadSpans() = default;
	/// A text that to_text() did not write stands for nothing read: everything is read again then.
	explicit ReadSpans(std::string_view text);
	std::string to_text() const;

	/// nullptr if nothing was read of it.
	const ReadSpan *find(std::string_view account_id) const;
	void set(std::string_view account_id, const ReadSpan &span);
	/// The first day from which on every account was read without a gap; nothing if none was read.
	std::optional<Date> all_read_since() const;
	bool have_gap() const;
	/// The account has got another id.
	void rename(std::string_view from, std::string_view to);

private:
	bool parse(std::string_view text);

	std::map<std::string, ReadSpan, std::less<>> spans_;
};

/// One window: both days inclusive.
struct WindowPlan {
	Date from{};
	Date to{};
	/// From this day on an answer that lacks a row means that the row is gone, even if it is the oldest. Before it that
	/// may as well mean that the bank shows fewer days than it was asked for, without saying so.
	Date sure_from{};
	Date stored_from{}; // stored rows from this day on have a part in it
	bool first = false; // nothing was read before
};

/// `span` is nullptr for an account of which nothing was read. A full reading, as the first, reaches back as far as
/// `days` says; another one to the overlap, and to the oldest pending row if `pending_within` windows such rows come.
WindowPlan plan_window(const ReadSpan *span, providers::WindowDays days, Date today, bool full, bool pending_within);

/// Whether days are missing that a reading of all of the history could bring.
bool lacks_history(const ReadSpan &span, providers::WindowDays days, Date today);

/// What has been read once that window has been read to its end. `oldest_pending`: of the rows that are left.
/// Days between the end of the former and `shown_from` are a gap.
ReadSpan extended_span(const ReadSpan *before, const WindowPlan &plan, std::optional<Date> shown_from,
                       std::optional<Date> oldest_pending);

} // namespace ob::sync

#include "core/pure.hpp"
