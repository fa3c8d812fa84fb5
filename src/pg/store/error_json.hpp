// Errors as JSON: between a caller and its worker, in ob.outcomes and in the audit log. C++ regime.
#pragma once

#include "pg/postgres.hpp"

#include <string>
#include <string_view>

#include "core/error.hpp"
#include "json/document.hpp"

namespace ob::pg::store {

/// {"sqlstate", "message", "detail", "hint"}; what is empty is left out.
json::Object error_object(const Error &error);
std::string error_to_json(const Error &error);

/// The error again; of codes that share an SQLSTATE the first.
Error error_from(json::Node object);
Error error_from_json(std::string_view text);

/// A provider's refusal, with what decides on its consequences.
json::Object provider_error_object(const ProviderError &error);
ProviderError provider_error_from(json::Node object);

/// The code of an SQLSTATE of ours; internal for any other.
ErrorCode code_of(std::string_view sqlstate);

} // namespace ob::pg::store
