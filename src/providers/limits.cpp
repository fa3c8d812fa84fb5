// C++ regime.
#include "providers/limits.hpp"

#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "providers/option_values.hpp"

#include "core/pure.hpp"

namespace ob::providers {

namespace {

constexpr std::string_view kOff = "off";
// More than anybody calls in a period.
constexpr std::int64_t kMost = 1'000'000'000;

[[noreturn]] void invalid(std::string message, std::string hint) {
	throw Error(ErrorCode::invalid_argument, std::move(message), {}, std::move(hint));
}

std::optional<CallLimit> limit_of(std::int64_t calls, std::chrono::seconds period) {
	return calls > 0 ? std::optional(CallLimit{calls, period}) : std::nullopt;
}

std::optional<CallLimit> read_number(std::string_view text, std::chrono::seconds period) {
	text = text::trim(text);
	if (text::iequals_ascii(text, kOff))
		return std::nullopt;
	const auto calls = parse_integer(text);
	if (!calls || *calls < 1 || *calls > kMost)
		invalid("a limit is a number of calls or off", "Such as 'transactions_sync=50/2500', or 'off' for no limits.");
	return CallLimit{*calls, period};
}

const CallClass &find_class(std::span<const CallClass> classes, std::string_view name) {
	std::vector<std::string_view> names;
	for (const CallClass &known : classes) {
		if (known.name == name)
			return known;
		names.push_back(known.name);
	}
	std::string hint;
	if (const std::string_view near = text::nearest(name, names); !near.empty()) {
		hint = "Perhaps you meant \"" + std::string(near) + "\".";
	} else {
		hint = "Known are: ";
		for (const std::string_view one : names)
			hint.append(one == names.front() ? "" : ", ").append(one);
		hint += ".";
	}
	invalid("unknown class of calls", std::move(hint));
}

} // namespace

ServerLimits read_limits(std::span<const CallClass> classes, std::string_view environment, std::string_view option) {
	ServerLimits limits;
	if (text::iequals_ascii(text::trim(option), kOff))
		return limits;
	for (const CallClass &known : classes) {
		const PublishedLimit &published = environment == "production" ? known.production : known.sandbox;
		limits.emplace(known.name, ClassLimits{limit_of(published.per_connection, known.period),
		                                       limit_of(published.per_client, known.period), known.in_each_sync});
	}
	for (const std::string_view part : text::split(option)) {
		const std::size_t equals = part.find('=');
		if (equals == part.npos)
			invalid("must be off, or class=limit pairs separated by commas",
			        "Such as 'transactions_sync=50/2500', calls a minute for a connection and for all together.");
		const CallClass &known = find_class(classes, text::trim(part.substr(0, equals)));
		const std::string_view values = part.substr(equals + 1);
		const std::size_t slash = values.find('/');
		ClassLimits &limit = limits.find(known.name)->second;
		limit.per_connection = read_number(values.substr(0, slash), known.period);
		if (slash != values.npos)
			limit.per_client = read_number(values.substr(slash + 1), known.period);
	}
	return limits;
}

} // namespace ob::providers

#include "core/pure.hpp"
