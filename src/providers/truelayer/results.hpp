// The envelope of the Data API: {"results": […], "status": …}, and answers that come later. C++ regime.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/task.hpp"
#include "providers/provider.hpp"
#include "providers/truelayer/client.hpp"
#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

/// As send(), for calls that TrueLayer may answer later (the server's option async asks it to): waits for the answer.
Task<http::Response> fetch(Session session, Credentials credentials, Call call);

/// Calls `on_item` for each element of `results`, which an answer without content has none of. Throws ProviderError if
/// they are not the final ones: that is no empty list.
void read_results(json::Body &body, std::string_view endpoint, const std::function<void(json::Value)> &on_item);

/// Whether a URL is of the API's host, and of the Data API: no other gets the token.
bool is_own_result(const ServerConfig &server, const std::string &url);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
