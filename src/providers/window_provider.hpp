// A provider without a change feed: its accounts are read one by one, over an overlapping window of days, and the
// engine finds out what has changed. C++ regime.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/account_kinds.hpp"
#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::providers {

struct WindowDays {
	int history = 0; // that a first reading reaches back
	int overlap = 0; // that a later one reaches back before the end of the last; banks rewrite what is that young
};

struct AccountListing {
	AccountList list;
	/// What is stored of other kinds stays: the bank did not list them this time, and did not say that it has none.
	AccountKinds told = AccountKinds::all;
	/// Where the same answer has them, in full: by them an account is known again whose id has changed. Masked ones
	/// are left out.
	std::vector<AccountNumber> numbers;
};

/// Both days inclusive, none in the future. Where the provider dates rows of today ahead of its own clock, it asks for
/// more days by itself: what comes beyond the window is stored too.
struct AccountWindow {
	Account account;
	Date from{};
	Date to{};
};

/// What the bank has shown of what it was asked for.
struct Shown {
	/// False: this it does not show of this account. Nothing is known then, and what is stored stays.
	bool at_all = true;
	/// True: nor will it ever, for it has nothing of the kind.
	bool never = false;
	/// The first day it showed, where it says that these are fewer than it was asked for.
	std::optional<Date> from;
};

/// One account's window, or its pending set, page by page; pages may overlap and come in any order.
///
/// Transaction::id is one that lasts: the same in every answer, for pending and posted rows each. Where the bank has
/// none, it is empty, and the row counts once for each time it comes, so windows of such rows come without overlapping
/// pages. The same holds for RejectedRow::transaction_id. A posted row that names the pending one it was takes its
/// place. After a ProviderError with Reaction::rate_limited `next()` may be called again and asks for the same page;
/// one with Reaction::restart has the account read anew; one with Reaction::not_ready makes the sync wait.
class AccountReader : public WindowReader {
public:
	// To be asked after the last page:
	virtual Shown shown() const { return {}; }
	/// Whether amounts came whose sign contradicts what the bank says they are.
	virtual bool signs_contradict() const { return false; }
};

class WindowProvider : public Provider {
public:
	/// The server's options history_days and overlap_days, or what is good for this provider.
	virtual WindowDays window_days(const ServerConfig &server) const;
	/// Whether days can be asked for now, for a while after a login, that are not shown later.
	virtual bool shows_all_days_now(const Session &session) const;
	/// All accounts of the connection.
	virtual Task<AccountListing> list_accounts(Session session, Credentials credentials) const = 0;
	virtual std::unique_ptr<AccountReader> read_account(Session session, Credentials credentials,
	                                                    AccountWindow window) const = 0;
	/// The account's complete pending set, whatever its days; nullptr: pending rows come with the windows.
	virtual std::unique_ptr<AccountReader> read_pending(Session session, Credentials credentials,
	                                                    Account account) const;
	/// Throws unsupported.
	std::unique_ptr<ChangeReader> read_changes(Session session, Credentials credentials,
	                                           std::string cursor) const final;
};

bool is_read_by_windows(const Provider &provider);

} // namespace ob::providers

#include "core/pure.hpp"
