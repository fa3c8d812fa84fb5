// The hosted page of Link, which a browser can click through with plain forms.
#pragma once

#include <string_view>

#include "state.hpp"

namespace ob::sandbox::plaid {

/// Answers GET and POST of /plaid/hosted/<id>: choose a bank, log in, tick accounts, approve; or cancel at any step.
/// Ends in a redirect to completion_redirect_uri, on success and on exit alike, or in a page that says so.
[[nodiscard]] Response hosted_page(State &state, const Request &request, std::string_view hosted_id);

} // namespace ob::sandbox::plaid
