// A sync with a bank that has no change feed, as the test describes the bank. Only in test builds; the tests declare
// it. C++ regime behind OB_FUNCTION.

#ifdef OB_TEST_BUILD

#include "pg/postgres.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/time.hpp"
#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/sync_store.hpp"
#include "providers/window_provider.hpp"
#include "sync/engine.hpp"

namespace ob::pg::sqlapi {

namespace {

using namespace providers;

/// {"history": days, "overlap": days, "page": rows, "fail_at": page, "accounts": [{id, iban, balance}], "rows":
/// [{account, id, pending, amount, date, description, link, broken}]}. Pending rows are read apart.
class DescribedBank final : public WindowProvider {
public:
	explicit DescribedBank(json::Document bank)
	    : bank_(std::move(bank)), pages_left_(bank_.integer("fail_at").value_or(INT32_MAX)) {}

	std::string_view name() const override { return "described"; }
	std::vector<std::string> known_hosts() const override { return {}; }
	std::string_view accounts_endpoint() const override { return {}; }
	std::string_view transactions_endpoint() const override { return {}; }
	Task<LinkOffer> start_link(Session, LinkRequest) const override { unused(); }
	std::vector<LinkGrant> grants_from_response(std::string_view) const override { unused(); }
	Task<Established> exchange(Session, LinkGrant) const override { unused(); }
	Task<void> remove(Session, Credentials) const override { unused(); }
	Task<AccountList> accounts(Session, Credentials, std::vector<std::string>) const override { unused(); }
	std::unique_ptr<WindowReader> read_window(Session, Credentials, Window) const override { unused(); }
	Task<ConnectionHealth> health(Session, Credentials) const override { co_return ConnectionHealth(); }

	WindowDays window_days(const ServerConfig &) const override {
		return {static_cast<int>(bank_.integer("history").value_or(90)),
		        static_cast<int>(bank_.integer("overlap").value_or(10))};
	}

	Task<AccountListing> list_accounts(Session, Credentials) const override {
		AccountListing listing;
		for (const json::Node &item : bank_.get("accounts").items()) {
			Account &account = listing.list.accounts.emplace_back();
			account.id = item.text("id");
			account.type = "checking";
			account.currency = "EUR";
			account.balance_current = item.text("balance");
			if (item.has("iban"))
				listing.numbers.push_back({account.id, "iban", Secret(item.text("iban")), {}, {}, {}, {}, false});
		}
		co_return listing;
	}

	std::unique_ptr<AccountReader> read_account(Session, Credentials, AccountWindow window) const override {
		return std::make_unique<Reader>(*this, window.account.id, false, window.from, window.to);
	}
	std::unique_ptr<AccountReader> read_pending(Session, Credentials, Account account) const override {
		return std::make_unique<Reader>(*this, account.id, true, Date::min(), Date::max());
	}

private:
	/// Rows point into the bank itself.
	class Reader final : public AccountReader {
	public:
		Reader(const DescribedBank &bank, const std::string &account_id, bool pending, Date from, Date to)
		    : bank_(bank) {
			for (const json::Node &item : bank.bank_.get("rows").items()) {
				const Date date = time::parse_date(item.text("date")).value();
				if (item.text("account") == account_id && item.boolean("pending").value_or(false) == pending &&
				    date >= from && date <= to)
					rows_.push_back(item);
			}
		}

		Task<std::optional<TransactionPage>> next() override {
			if (bank_.pages_left_-- == 0)
				throw ProviderError(ErrorCode::provider_down, Reaction::institution_down, "DOWN", "the bank is down",
				                    {});
			if (at_ == rows_.size())
				co_return std::nullopt;
			TransactionPage page;
			const auto size = static_cast<std::size_t>(bank_.bank_.integer("page").value_or(100));
			for (std::size_t i = 0; i < size && at_ < rows_.size(); ++i)
				add(page, rows_[at_++]);
			co_return page;
		}

	private:
		static void add(TransactionPage &page, const json::Node &item) {
			if (item.boolean("broken").value_or(false)) {
				page.rejected.push_back({item.text("id"), {}, "no amount", item.text("description")});
				return;
			}
			Transaction &row = page.rows.emplace_back();
			row.id = item.text("id");
			row.pending = item.boolean("pending").value_or(false);
			row.amount = item.text("amount");
			row.currency = "EUR";
			row.date = time::parse_date(item.text("date")).value();
			row.description = item.text("description");
			row.pending_transaction_id = item.text("link");
		}

		const DescribedBank &bank_;
		std::vector<json::Node> rows_;
		std::size_t at_ = 0;
	};

	[[noreturn]] static void unused() { throw std::logic_error("a sync has no use for it"); }

	json::Document bank_;
	mutable std::int64_t pages_left_;
};

Task<SyncReport> sync_described(store::Connection connection, const DescribedBank *bank, bool full) {
	store::PgSyncStore sync_store(store::Commit::by_caller, [](ConnectionId, const SyncFailure &) {});
	SyncTarget target = sync_store.load(connection);
	CallStats stats;
	sync::SyncContext context;
	context.provider = bank;
	context.session =
	    Runtime::get().session(store::load_server(connection.server, connection.mapping_role).config, stats);
	context.store = &sync_store;
	context.clock = &Runtime::get().clock();
	co_return co_await sync::sync_connection(std::move(context), std::move(target), full);
}

std::string summary(const SyncReport &report) {
	const TransactionCounts &counts = report.transactions;
	std::string text;
	for (const std::int64_t count :
	     {counts.added, counts.modified, counts.removed, counts.unchanged, counts.quarantined, report.accounts.changed})
		text += (text.empty() ? "" : " ") + std::to_string(count);
	return text;
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

/// ob_test_window_sync(connection int8, bank text, full bool) returns text: rows added, modified, removed, unchanged,
/// quarantined; accounts changed.
OB_FUNCTION(ob_test_window_sync) {
	auto connection = ob::pg::store::find_connection_for_caller(required(integer_argument(fcinfo, 0), "connection"));
	const std::string described = required(text_argument(fcinfo, 1), "bank");
	const DescribedBank bank(ob::json::Document::parse(described, {.max_bytes = described.size()}));
	const bool full = boolean_argument(fcinfo, 2).value_or(false);
	return return_text(summary(run(sync_described(std::move(connection), &bank, full))));
}

#endif
