// What is kept of a webhook's body. C++ regime.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers {

/// The text if it looks like an id, a code or a time; a sentence, a token or the number of a card does not.
std::string_view presentable(std::string_view text);

/// An object like `body`. Texts under the names of `plain` are ids, codes and times, and kept if they look like one;
/// all others may be tokens, numbers of accounts, names of people or what a provider says in words of its own. Of one
/// that is too large only the texts of `head` are.
std::string kept_payload(const json::Document &body, std::span<const std::string_view> plain,
                         std::span<const std::string_view> head);

} // namespace ob::providers

#include "core/pure.hpp"
