// Where a user is sent to let us in, for the first time or again. C++ regime.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/task.hpp"
#include "providers/provider.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// A new link; with a connection's tokens one to its bank, or a new one where TrueLayer has none for it (it knows how
/// only in the UK, and not for ever).
Task<LinkOffer> start_link(Session session, LinkRequest request);

/// Prolongs the consent of a connection whose user has reconfirmed it. The options say so: {"extend": true,
/// "user_has_reconfirmed_consent": true, "user": {"name": …, "email": …}}.
Task<Extension> extend(Session session, LinkRequest request);

/// The code of a callback; none if the journey came to nothing.
std::vector<LinkGrant> grants_from_response(std::string_view response_json);

/// Where the browser comes back to: the link's own, else the server's. The exchange names it once more.
std::string redirect_uri(const ServerConfig &server, const json::Document &options);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
