// C++ regime.
#include "sync/window_plan.hpp"

#include <algorithm>
#include <charconv>

#include "core/time.hpp"

#include "core/pure.hpp"

namespace ob::sync {

namespace {

// One line an account: from, to, oldest pending row or nothing, first and last day of the gap or nothing, length of the
// id, the id.
constexpr std::string_view kHead = "windows 2\n";
constexpr std::string_view kNothing = "-";

/// Takes what stands before `end`, and `end`, off the text's beginning.
std::optional<std::string_view> take(std::string_view &text, char end) {
	const std::size_t length = text.find(end);
	if (length == text.npos)
		return std::nullopt;
	const std::string_view part = text.substr(0, length);
	text.remove_prefix(length + 1);
	return part;
}

std::optional<Date> take_date(std::string_view &text) {
	const auto part = take(text, ' ');
	return part ? time::parse_date(*part) : std::nullopt;
}

/// False if it is neither a date nor nothing.
bool take_date_or_nothing(std::string_view &text, std::optional<Date> *date) {
	const auto part = take(text, ' ');
	if (part && *part != kNothing)
		*date = time::parse_date(*part);
	return part && (*date || *part == kNothing);
}

std::string text_of(const std::optional<Date> &date) {
	return date ? time::format_date(*date) : std::string(kNothing);
}

/// An id may hold anything: its length stands before it.
std::optional<std::string_view> take_id(std::string_view &text) {
	const auto digits = take(text, ' ');
	std::size_t length = 0;
	if (!digits || digits->empty())
		return std::nullopt;
	const char *const end = digits->data() + digits->size();
	if (std::from_chars(digits->data(), end, length).ptr != end)
		return std::nullopt;
	if (text.size() <= length || text[length] != '\n')
		return std::nullopt;
	const std::string_view id = text.substr(0, length);
	text.remove_prefix(length + 1);
	return id;
}

} // namespace

ReadSpans::ReadSpans(std::string_view text) {
	if (!parse(text))
		spans_.clear();
}

bool ReadSpans::parse(std::string_view text) {
	if (!text.starts_with(kHead))
		return false;
	text.remove_prefix(kHead.size());
	while (!text.empty()) {
		const auto from = take_date(text);
		const auto to = take_date(text);
		std::optional<Date> oldest_pending, gap_from, gap_to;
		const bool rest = take_date_or_nothing(text, &oldest_pending) && take_date_or_nothing(text, &gap_from) &&
		                  take_date_or_nothing(text, &gap_to);
		const auto id = take_id(text);
		if (!from || !to || !rest || gap_from.has_value() != gap_to.has_value() || !id)
			return false;
		set(*id, {*from, *to, oldest_pending, gap_from ? std::optional(Gap{*gap_from, *gap_to}) : std::nullopt});
	}
	return true;
}

std::string ReadSpans::to_text() const {
	std::string text(kHead);
	for (const auto &[id, span] : spans_) {
		const std::optional<Date> gap_from = span.gap ? std::optional(span.gap->from) : std::nullopt;
		const std::optional<Date> gap_to = span.gap ? std::optional(span.gap->to) : std::nullopt;
		for (const std::optional<Date> &date :
		     {std::optional(span.from), std::optional(span.to), span.oldest_pending, gap_from, gap_to})
			text += text_of(date) + " ";
		text += std::to_string(id.size()) + " " + id + "\n";
	}
	return text;
}

const ReadSpan *ReadSpans::find(std::string_view account_id) const {
	const auto found = spans_.find(account_id);
	return found == spans_.end() ? nullptr : &found->second;
}

void ReadSpans::set(std::string_view account_id, const ReadSpan &span) {
	spans_.insert_or_assign(std::string(account_id), span);
}

std::optional<Date> ReadSpans::all_read_since() const {
	std::optional<Date> since;
	for (const auto &[id, span] : spans_) {
		const Date from = span.gap ? span.gap->to + std::chrono::days(1) : span.from;
		since = std::max(since.value_or(from), from);
	}
	return since;
}

bool ReadSpans::have_gap() const {
	return std::any_of(spans_.begin(), spans_.end(), [](const auto &entry) { return entry.second.gap.has_value(); });
}

void ReadSpans::rename(std::string_view from, std::string_view to) {
	const auto found = spans_.find(from);
	if (found == spans_.end())
		return;
	set(to, found->second);
	spans_.erase(found);
}

WindowPlan plan_window(const ReadSpan *span, providers::WindowDays days, Date today, bool full, bool pending_within) {
	WindowPlan plan;
	plan.to = today;
	plan.from = today - std::chrono::days(days.history);
	if (!span) {
		plan.first = true;
		plan.sure_from = today + std::chrono::days(1);
		plan.stored_from = plan.from;
		return plan;
	}
	// A clock that was set back has made the last window lie in the future.
	const std::chrono::days overlap(days.overlap);
	const Date routine = std::min(std::max(span->from, std::min(span->to, today) - overlap), today);
	plan.sure_from = std::max(routine, today - overlap);
	plan.from = full ? std::min(plan.from, routine) : routine;
	if (pending_within && span->oldest_pending)
		plan.from = std::min(plan.from, *span->oldest_pending);
	plan.stored_from = std::min(plan.from, span->oldest_pending.value_or(plan.from));
	return plan;
}

bool lacks_history(const ReadSpan &span, providers::WindowDays days, Date today) {
	return span.gap || span.from > today - std::chrono::days(days.history);
}

namespace {

/// What is still unread once the days since `from` have been read as well.
std::optional<Gap> remaining_gap(const ReadSpan &before, Date from) {
	using std::chrono::days;
	const Date unread = before.gap ? before.gap->from : before.to + days(1);
	if (from <= unread)
		return std::nullopt;
	const bool goes_on = from <= before.to + days(1);
	return Gap{unread, goes_on ? std::min(before.gap->to, from - days(1)) : from - days(1)};
}

} // namespace

ReadSpan extended_span(const ReadSpan *before, const WindowPlan &plan, std::optional<Date> shown_from,
                       std::optional<Date> oldest_pending) {
	const Date from = std::max(plan.from, shown_from.value_or(plan.from));
	if (!before)
		return {from, plan.to, oldest_pending, {}};
	return {std::min(before->from, from), plan.to, oldest_pending, remaining_gap(*before, from)};
}

} // namespace ob::sync

#include "core/pure.hpp"
