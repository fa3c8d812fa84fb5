// Describes the fields an endpoint takes and checks a request against them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json.hpp"

namespace ob::sandbox {

/// One field of a request. Made by the functions below and refined by its methods.
struct Field {
	enum class Type { string, date, time, url, integer, number, boolean, object, opaque_object, list };

	std::string name;
	Type type = Type::string;
	bool is_required = false;
	bool may_be_null = false;
	std::int64_t least = std::numeric_limits<std::int64_t>::min(); ///< of an integer, or of a length
	std::int64_t most = std::numeric_limits<std::int64_t>::max();
	std::vector<std::string_view> values; ///< if not empty, the only ones allowed
	std::vector<Field> members;           ///< of an object; of a list: one field that describes an element

	[[nodiscard]] Field required() && {
		is_required = true;
		return std::move(*this);
	}
	[[nodiscard]] Field nullable() && {
		may_be_null = true;
		return std::move(*this);
	}
	[[nodiscard]] Field one_of(std::vector<std::string_view> allowed) && {
		values = std::move(allowed);
		return std::move(*this);
	}
	/// Bounds of an integer, of the length of a string, or of the number of elements.
	[[nodiscard]] Field between(std::int64_t low, std::int64_t high) && {
		least = low;
		most = high;
		return std::move(*this);
	}
};

using Schema = std::vector<Field>;

[[nodiscard]] Field string_field(std::string name);
[[nodiscard]] Field date_field(std::string name);
[[nodiscard]] Field time_field(std::string name);
[[nodiscard]] Field url_field(std::string name);
[[nodiscard]] Field integer_field(std::string name);
[[nodiscard]] Field number_field(std::string name);
[[nodiscard]] Field boolean_field(std::string name);
[[nodiscard]] Field object_field(std::string name, Schema members);
/// An object of other products, whose inside is not looked at.
[[nodiscard]] Field opaque_field(std::string name);
[[nodiscard]] Field list_field(std::string name, Field element);
[[nodiscard]] Field strings_field(std::string name);
/// What is wrong with a request.
struct FieldProblem {
	enum class Kind { unknown, missing, invalid };

	Kind kind = Kind::invalid;
	std::string fields; ///< their names, with commas between
	std::string what;   ///< of an invalid one: what it must be
};

/// The first problem: unknown fields at any depth, then missing ones, then wrong types, ranges and values; null is
/// refused where the contract does not allow it.
[[nodiscard]] std::optional<FieldProblem> problem_of(const Json &body, const Schema &schema);

/// True for an absolute http or https URL.
[[nodiscard]] bool is_url(std::string_view text);

} // namespace ob::sandbox
