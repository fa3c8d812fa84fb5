// Transaction endpoints: sync with its cursors, get with its offsets, refresh.
#include <algorithm>

#include "cursor.hpp"
#include "events.hpp"
#include "rows.hpp"
#include "state.hpp"
#include "test_users.hpp"

namespace ob::sandbox::plaid {

namespace {

std::string_view status_name(const Item &item) {
	if (item.status_text) {
		return *item.status_text;
	}
	switch (item.readiness) {
	case Readiness::not_ready:
		return "NOT_READY";
	case Readiness::initial:
		return "INITIAL_UPDATE_COMPLETE";
	case Readiness::historical:
		break;
	}
	return "HISTORICAL_UPDATE_COMPLETE";
}

// Plaid: a first sync or get adds Transactions to an item that was linked without it, if the user consented.
void need_transactions(Call &call, Item &item) {
	if (item.has_product("transactions")) {
		return;
	}
	if (std::find(item.consented_products.begin(), item.consented_products.end(), "transactions") ==
	    item.consented_products.end()) {
		fail("ADDITIONAL_CONSENT_REQUIRED");
	}
	item.products.emplace_back("transactions");
	const int wanted = static_cast<int>(call.options().integer_of("days_requested", 90));
	item.days_requested = call.world.config.environment == "production" ? std::max(wanted, 30) : wanted;
	call.state.start_history(item);
	call.state.advance(item);
}

// The rows carry version 2 of the categories, as new customers get them; the older one differs in its mark only.
void choose_category_version(std::string &rows, std::size_t from, const Json &options) {
	if (options.text_of("personal_finance_category_version") != "v1") {
		return;
	}
	static constexpr std::string_view kMark = "\"version\":\"v2\"";
	for (std::size_t at = rows.find(kMark, from); at != std::string::npos; at = rows.find(kMark, at)) {
		rows[at + kMark.size() - 2] = '1';
	}
}

[[noreturn]] void foreign_cursor() {
	fail("INVALID_FIELD", "cursor not associated with access_token");
}

struct SyncRequest {
	std::uint32_t account = TransactionLog::kAllAccounts;
	std::uint64_t stream = 0;
	Cursor at; ///< where this page begins
	bool original_description = false;
};

// Plaid: an absent or empty cursor begins, "now" skips to the present, any other must be one that this item and filter
// have been given; else INVALID_FIELD naming the cursor.
SyncRequest read_sync(Call &call, const Item &item) {
	SyncRequest out;
	const Json options = call.options();
	if (options.has("account_id")) {
		const auto index = item.account_index(options.text_of("account_id"));
		if (!index) {
			fail("INVALID_ACCOUNT_ID");
		}
		out.account = *index;
		out.stream = *index + 1U;
	}
	out.original_description = options.truth_of("include_original_description");
	const std::uint64_t end = item.transactions.end(out.account);
	const std::string text = call.body.text_of("cursor");
	Cursor begin;
	begin.item = item.number;
	begin.stream = out.stream;
	if (text.empty() || text == "now") {
		begin.base = begin.position = text.empty() ? 0 : end;
		begin.end = end;
		out.at = begin;
		return out;
	}
	const auto given = decode_cursor(text, call.world.cursor_key);
	if (!given || given->item != item.number || given->stream != out.stream) {
		foreign_cursor();
	}
	out.at = *given;
	if (given->resting) {
		out.at.base = given->position;
		out.at.end = end;
		out.at.begun = given->serial;
		out.at.resting = false;
	}
	return out;
}

std::string_view empty_list(const World &world) {
	return world.config.null_when_empty ? "null" : "[]";
}

ObjectText not_ready(const Item &item, const World &world) {
	ObjectText out;
	out.raw("accounts", "[]");
	for (const char *list : {"added", "modified", "removed"}) {
		out.raw(list, empty_list(world));
	}
	out.raw("next_cursor", world.config.null_cursor ? "null" : "\"\"").boolean("has_more", false);
	out.string("transactions_update_status", status_name(item));
	return out;
}

std::string account_id_of(const Item &item, const TransactionLog::Entry &entry) {
	return entry.account < item.accounts.size() ? item.accounts[entry.account].id
	                                            : row_of(item.transactions, entry.index).text_of("account_id");
}

void append_changes(std::string &out, const Call &call, const Item &item, const TransactionLog::Page &page, Change kind,
                    bool original) {
	if (std::none_of(page.changes.begin(), page.changes.end(),
	                 [kind](const auto &entry) { return entry.change == kind; })) {
		out.append(empty_list(call.world));
		return;
	}
	out.push_back('[');
	const std::size_t start = out.size();
	for (const TransactionLog::Entry &entry : page.changes) {
		if (entry.change != kind) {
			continue;
		}
		if (out.size() != start) {
			out.push_back(',');
		}
		if (kind == Change::removed) {
			out.append(ObjectText{}
			               .string("transaction_id", item.transactions.id(entry.index))
			               .string("account_id", account_id_of(item, entry))
			               .end());
		} else {
			item.transactions.append_to(out, entry.index, original);
		}
	}
	out.push_back(']');
}

// Plaid: only accounts that have transactions in this answer.
std::string accounts_on_page(const Item &item, const TransactionLog::Page &page) {
	std::vector<bool> occurs(item.accounts.size());
	for (const TransactionLog::Entry &entry : page.changes) {
		if (entry.account < item.accounts.size()) {
			occurs[entry.account] = true;
		}
	}
	std::vector<std::string> accounts;
	for (std::size_t index = 0; index < occurs.size(); ++index) {
		if (occurs[index] && item.accounts[index].open()) {
			accounts.push_back(account_object(item, item.accounts[index], false));
		}
	}
	return json_array(accounts);
}

// Plaid: net changes since the cursor, `count` of them per page; an error when the data change between two pages.
ObjectText sync(Call &call) {
	Item &item = call.healthy_item();
	need_transactions(call, item);
	item.sync_called = true;
	SyncRequest request = read_sync(call, item);
	Cursor at = request.at;
	if (item.readiness == Readiness::not_ready) {
		return not_ready(item, call.world);
	}
	const bool poisoned = at.begun != 0 && at.begun < item.poisoned_before;
	if (poisoned || call.directives.mutation_error || item.transactions.disturbed_at(request.account) > at.end) {
		fail("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION");
	}
	std::int64_t count = call.body.integer_of("count", 100);
	if (const std::int64_t largest = call.world.config.largest_page; largest > 0) {
		count = std::min(count, largest);
	}
	const TransactionLog::Page page = item.transactions.page(
	    {at.base, at.position, at.end, static_cast<std::size_t>(count), request.account, !call.directives.not_net});

	at.position = page.position;
	at.serial = call.state.next_cursor_serial++;
	at.resting = !page.more && !call.directives.endless_pages && !call.directives.repeat_cursor;
	std::string next = encode_cursor(at, call.world.cursor_key);
	if (call.directives.repeat_cursor && !call.body.text_of("cursor").empty()) {
		next = call.body.text_of("cursor");
	}

	ObjectText out;
	out.raw("accounts", accounts_on_page(item, page));
	out.string("next_cursor", next).boolean("has_more", !at.resting);
	out.string("transactions_update_status", status_name(item));
	std::string &text = out.value("added");
	const std::size_t rows_begin = text.size();
	text.reserve(text.size() + page.changes.size() * 2048); // rows of usual size fit without growing
	append_changes(text, call, item, page, Change::added, request.original_description);
	append_changes(out.value("modified"), call, item, page, Change::modified, request.original_description);
	choose_category_version(text, rows_begin, call.options());
	append_changes(out.value("removed"), call, item, page, Change::removed, false);
	return out;
}

struct Range {
	Day first;
	Day last;
};

Range read_range(const Json &body) {
	const Range range{*parse_date(body.text_of("start_date")), *parse_date(body.text_of("end_date"))};
	if (range.first > range.last) {
		fail("INVALID_FIELD", "start_date must not be after end_date");
	}
	return range;
}

// Plaid: newest first, both dates inclusive, paged by offset; PRODUCT_NOT_READY before the initial pull.
ObjectText get(Call &call) {
	Item &item = call.healthy_item();
	need_transactions(call, item);
	const Json options = call.options();
	const Range range = read_range(call.body);
	const auto chosen = chosen_accounts(item, options.get("account_ids"));
	if (item.readiness == Readiness::not_ready) {
		fail("PRODUCT_NOT_READY");
	}
	const auto count = static_cast<std::size_t>(options.integer_of("count", 100));
	const auto offset = static_cast<std::size_t>(options.integer_of("offset", 0));
	const bool original = options.truth_of("include_original_description");

	const TransactionLog &transactions = item.transactions;
	const std::vector<std::uint32_t> &newest = transactions.newest_first();
	const auto later = [&](std::uint32_t index, Day day) { return transactions.state(index).date > day; };
	const auto begin = std::lower_bound(newest.begin(), newest.end(), range.last, later);
	const auto end = std::lower_bound(begin, newest.end(), range.first - std::chrono::days{1}, later);

	std::vector<std::uint32_t> found(begin, end);
	if (options.get("account_ids").is_array()) {
		std::erase_if(found, [&](std::uint32_t index) {
			return std::find(chosen.begin(), chosen.end(), transactions.state(index).account) == chosen.end();
		});
	}
	std::string rows = "[";
	rows.reserve(count * 2048);
	for (std::size_t at = offset; at < found.size() && at - offset < count; ++at) {
		rows.append(at == offset ? "" : ",");
		transactions.append_to(rows, found[at], original);
	}
	rows.push_back(']');
	choose_category_version(rows, 0, options);
	if (rows.size() == 2) {
		rows = empty_list(call.world);
	}
	std::vector<std::string> accounts;
	for (const std::uint32_t index : chosen) {
		accounts.push_back(account_object(item, item.accounts[index], false));
	}
	ObjectText out;
	out.raw("accounts", json_array(accounts)).raw("item", item_object(item, false));
	out.number("total_transactions", static_cast<std::int64_t>(found.size()) + (call.directives.change_total ? 1 : 0));
	out.value("transactions").append(rows);
	return out;
}

// Plaid: starts an extra fetch at the bank; what it finds is read with sync.
ObjectText refresh(Call &call) {
	Item &item = call.healthy_item(true);
	if (!item.has_product("transactions")) {
		fail("PRODUCT_NOT_ENABLED");
	}
	if (item.institution_id == "ins_128026" &&
	    std::none_of(item.accounts.begin(), item.accounts.end(),
	                 [](const Account &account) { return account.fields.text_of("type") == "depository"; })) {
		fail("PRODUCTS_NOT_SUPPORTED");
	}
	call.delay += call.world.config.bank_latency;
	const Refreshed found = refresh_item(item, call.world);
	item.last_successful_update = call.world.clock.now();
	if (found.added != 0 || found.modified != 0 || !found.removed.empty()) {
		announce_changes(call.state, item, found.added, found.removed);
	}
	return {};
}

Field days_requested_field() {
	return integer_field("days_requested").between(1, 730);
}

Field count_field() {
	return integer_field("count").between(1, 500);
}

Schema common_options() {
	return {boolean_field("include_original_description").nullable(),
	        boolean_field("include_personal_finance_category"), boolean_field("include_logo_and_counterparty_beta"),
	        string_field("personal_finance_category_version").one_of({"v1", "v2"}), days_requested_field()};
}

} // namespace

std::vector<Route> transaction_routes() {
	Schema sync_options = common_options();
	sync_options.push_back(string_field("account_id"));
	Schema get_options = common_options();
	get_options.push_back(boolean_field("include_personal_finance_category_beta"));
	get_options.push_back(strings_field("account_ids"));
	get_options.push_back(count_field());
	get_options.push_back(integer_field("offset").between(0, std::numeric_limits<std::int64_t>::max()));
	return {
	    {"/transactions/sync",
	     sync,
	     {string_field("access_token").required(), string_field("cursor").between(0, 256), count_field(),
	      object_field("options", std::move(sync_options))}},
	    {"/transactions/get",
	     get,
	     {string_field("access_token").required(), date_field("start_date").required(),
	      date_field("end_date").required(), object_field("options", std::move(get_options))}},
	    {"/transactions/refresh", refresh, {string_field("access_token").required()}},
	};
}

} // namespace ob::sandbox::plaid
