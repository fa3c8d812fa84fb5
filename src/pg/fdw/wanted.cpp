// C++ regime.
#include "pg/fdw/wanted.hpp"

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
}

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "pg/guard.hpp"
#include "pg/time.hpp"

namespace ob::pg::fdw {

namespace {

struct Text {
	const char *bytes;
	int size;
};

/// The values of one condition as plain data: texts, or integers (days since 2000 for dates). NULLs are left out.
struct Values {
	int count;
	Text *texts;
	std::int64_t *integers;
};

std::int64_t read_integer(Datum value, Oid type) {
	switch (type) {
	case INT2OID:
		return DatumGetInt16(value);
	case INT4OID:
		return DatumGetInt32(value);
	case INT8OID:
		return DatumGetInt64(value);
	case TIMESTAMPOID:
		return DatumGetDateADT(DirectFunctionCall1(timestamp_date, value));
	case TIMESTAMPTZOID: // in the session's zone, as the comparison itself does it
		return DatumGetDateADT(DirectFunctionCall1(timestamptz_date, value));
	default:
		return DatumGetDateADT(value);
	}
}

void add_value(Values &values, Datum value, Oid type) {
	if (type == TEXTOID) {
		const text *bytes = DatumGetTextPP(value);
		values.texts[values.count++] = {VARDATA_ANY(bytes), static_cast<int>(VARSIZE_ANY_EXHDR(bytes))};
	} else {
		values.integers[values.count++] = read_integer(value, type);
	}
}

/// Server regime.
Values read_values(const ReadyCondition &ready, ExprContext *context) {
	bool is_null;
	const Datum value = ExecEvalExprSwitchContext(ready.value, context, &is_null);
	Values values{};
	if (is_null)
		return values;
	const Oid type = ready.condition.value_type;
	int count = 1;
	Datum *elements = nullptr;
	bool *nulls = nullptr;
	if (ready.condition.any) {
		std::int16_t length;
		bool by_value;
		char alignment;
		get_typlenbyvalalign(type, &length, &by_value, &alignment);
		deconstruct_array(DatumGetArrayTypeP(value), type, length, by_value, alignment, &elements, &nulls, &count);
	}
	values.texts = static_cast<Text *>(palloc(sizeof(Text) * static_cast<Size>(count + 1)));
	values.integers = static_cast<std::int64_t *>(palloc(sizeof(std::int64_t) * static_cast<Size>(count + 1)));
	if (!ready.condition.any)
		add_value(values, value, type);
	for (int i = 0; elements && i < count; ++i)
		if (!nulls[i])
			add_value(values, elements[i], type);
	return values;
}

/// Days both inclusive, in the server's counting, wide enough for the special values.
struct Days {
	std::int64_t from = std::numeric_limits<std::int64_t>::min();
	std::int64_t to = std::numeric_limits<std::int64_t>::max();
	bool has_from = false;
	bool has_to = false;

	void not_before(std::int64_t day) {
		from = std::max(from, day);
		has_from = true;
	}
	void not_after(std::int64_t day) {
		to = std::min(to, day);
		has_to = true;
	}

	/// `exact`: the value is a day, not a moment in it, so that `<` and `>` leave the day itself out.
	void narrow(const Condition &condition, std::span<const std::int64_t> values, bool exact) {
		const auto [low, high] = std::minmax_element(values.begin(), values.end());
		switch (condition.strategy) {
		case BTLessStrategyNumber:
			return not_after(*high - (exact ? 1 : 0));
		case BTLessEqualStrategyNumber:
			return not_after(*high);
		case BTGreaterEqualStrategyNumber:
			return not_before(*low);
		case BTGreaterStrategyNumber:
			return not_before(*low + (exact ? 1 : 0));
		default:
			not_before(*low);
			not_after(*high);
		}
	}
};

/// Writes the days into `wanted`, cut to what a provider's date can say (years 1 to 9999).
void set_window(Wanted &wanted, Days days) {
	using namespace std::chrono;
	constexpr std::int64_t kFirst = sys_days(year(1) / 1 / 1).time_since_epoch().count() - kEpochDays;
	constexpr std::int64_t kLast = sys_days(year(9999) / 12 / 31).time_since_epoch().count() - kEpochDays;
	if (days.from > days.to || days.from > kLast || days.to < kFirst) {
		wanted.nothing = true;
		return;
	}
	if (days.has_from)
		wanted.window.from = from_server_date(static_cast<DateADT>(std::max(days.from, kFirst)));
	if (days.has_to)
		wanted.window.to = from_server_date(static_cast<DateADT>(std::min(days.to, kLast)));
}

/// Keeps in `set` (no condition so far: all) what is among `values`.
template <class T>
void intersect(std::optional<std::vector<T>> &set, std::vector<T> values) {
	std::sort(values.begin(), values.end());
	values.erase(std::unique(values.begin(), values.end()), values.end());
	if (!set) {
		set = std::move(values);
		return;
	}
	std::vector<T> both;
	std::set_intersection(set->begin(), set->end(), values.begin(), values.end(), std::back_inserter(both));
	*set = std::move(both);
}

std::vector<std::string> copy_texts(const Values &values) {
	std::vector<std::string> texts;
	texts.reserve(static_cast<std::size_t>(values.count));
	for (int i = 0; i < values.count; ++i)
		texts.emplace_back(values.texts[i].bytes, static_cast<std::size_t>(values.texts[i].size));
	return texts;
}

} // namespace

Wanted evaluate(std::span<const ReadyCondition> conditions, ExprContext *context) {
	Wanted wanted;
	Days days;
	std::optional<std::vector<std::string>> accounts;
	for (const ReadyCondition &ready : conditions) {
		const Values values = guard([&] { return read_values(ready, context); });
		const std::span<const std::int64_t> integers(values.integers, static_cast<std::size_t>(values.count));
		if (values.count == 0) { // NULL, or an array without anything to be equal to
			wanted.nothing = true;
			return wanted;
		}
		switch (ready.condition.column) {
		case Column::connection_id:
			intersect(wanted.filter.ids, std::vector<std::int64_t>(integers.begin(), integers.end()));
			break;
		case Column::user_ref:
			intersect(wanted.filter.user_refs, copy_texts(values));
			break;
		case Column::institution_name:
			intersect(wanted.filter.institution_names, copy_texts(values));
			break;
		case Column::connection_state:
			intersect(wanted.filter.states, copy_texts(values));
			break;
		case Column::account_id:
			intersect(accounts, copy_texts(values));
			break;
		default:
			days.narrow(ready.condition, integers, ready.condition.value_type == DATEOID);
		}
	}
	if (accounts)
		wanted.window.account_ids = std::move(*accounts);
	wanted.nothing =
	    (accounts && wanted.window.account_ids.empty()) || (wanted.filter.ids && wanted.filter.ids->empty());
	if (!wanted.nothing)
		set_window(wanted, days);
	return wanted;
}

} // namespace ob::pg::fdw
