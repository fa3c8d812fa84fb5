// C++ regime.
#include "sync/window_plan.hpp"

#include <algorithm>
#include <charconv>

#include "core/time.hpp"

#include "core/pure.hpp"

namespace ob::sync {

namespace {

// One line an account: from, to, oldest pending row or nothing, length of the id, the id.
constexpr std::string_view kHead = "windows 1\n";
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
		const auto pending = take(text, ' ');
		const auto id = take_id(text);
		if (!from || !to || !pending || !id)
			return false;
		const auto oldest_pending = time::parse_date(*pending);
		if (!oldest_pending && *pending != kNothing)
			return false;
		set(*id, {*from, *to, oldest_pending});
	}
	return true;
}

std::string ReadSpans::to_text() const {
	std::string text(kHead);
	for (const auto &[id, span] : spans_) {
		text += time::format_date(span.from) + " " + time::format_date(span.to) + " ";
		text += span.oldest_pending ? time::format_date(*span.oldest_pending) : kNothing;
		text += " " + std::to_string(id.size()) + " " + id + "\n";
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
	for (const auto &[id, span] : spans_)
		since = std::max(since.value_or(span.from), span.from);
	return since;
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

ReadSpan extended_span(const ReadSpan *before, const WindowPlan &plan, std::optional<Date> shown_from,
                       std::optional<Date> oldest_pending) {
	const Date from = std::max(plan.from, shown_from.value_or(plan.from));
	return {before ? std::min(before->from, from) : from, plan.to, oldest_pending};
}

} // namespace ob::sync

#include "core/pure.hpp"
