// Transactions of an account over a range of days, and its pending set. C++ regime.
//
// Deep history is shown right after the user was at the bank only; there it is asked for in ever shorter ranges until
// the bank shows one. At any other time a bank shows 88 days or more, and refuses longer ranges in several ways: then
// 88 days are all that is asked for.
#pragma once

#include <memory>

#include "providers/provider.hpp"
#include "providers/window_provider.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

inline constexpr std::string_view kTransactionsEndpoint = "/data/v1/accounts/{account_id}/transactions";

/// For a sync: what the bank does not show of it is left out, and shown() says so.
std::unique_ptr<AccountReader> read_account(Session session, Credentials credentials, AccountWindow window);
/// Its complete set.
std::unique_ptr<AccountReader> read_pending(Session session, Credentials credentials, Account account);
/// All the days that are asked for, or an error.
std::unique_ptr<AccountReader> read_account_whole(Session session, Credentials credentials, AccountWindow window);

/// Throws if days from `from` on are more than a bank shows now: asked for them, some say nothing and show fewer. What is
/// shown right after a login only has to be `named`.
void check_shown(const Session &session, Date from, bool named);

/// For a live scan: of all accounts asked for, posted rows and pending ones. Without a first day the days are those
/// that every bank shows.
std::unique_ptr<WindowReader> read_window(Session session, Credentials credentials, Window window);

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
