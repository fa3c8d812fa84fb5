// What TrueLayer tells by webhook.
#pragma once

#include "state.hpp"

namespace ob::sandbox::truelayer {

/// An event to the console's one address; nothing happens without one. `more`: members that come over the usual ones.
void send_event(State &state, std::string_view type, const std::string &resource_id, std::string_view resource_type,
                const RawObject &more = {});
/// That a task has ended, to the address which its call named.
void announce_task(State &state, const Task &task, bool failed);
/// Headers of a delivery made now, by the settings' scheme.
[[nodiscard]] HeaderList sign_delivery(State &state, const Webhook &webhook);
/// The path of a URL, without the query.
[[nodiscard]] std::string path_of(const std::string &url);
/// Where our key set is.
[[nodiscard]] std::string key_set_url(const State &state);

} // namespace ob::sandbox::truelayer
