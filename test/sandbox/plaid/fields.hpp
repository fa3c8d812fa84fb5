// What the fields of Plaid's requests have of their own.
#pragma once

#include "../fields.hpp"

namespace ob::sandbox::plaid {

/// A list of product names; one that nobody knows is an INVALID_FIELD.
[[nodiscard]] Field products_field(std::string name);
/// A list of country codes.
[[nodiscard]] Field countries_field(std::string name);

/// Plaid: unknown fields at any depth give UNKNOWN_FIELDS, then missing ones MISSING_FIELDS, then wrong types, ranges
/// and values INVALID_FIELD. Throws ApiError.
void check_fields(const Json &body, const Schema &schema);

} // namespace ob::sandbox::plaid
