// /transactions/sync: what changed since a cursor. C++ regime.
#include <optional>
#include <utility>

#include "core/id_set.hpp"
#include "providers/option_values.hpp"
#include "providers/plaid/arguments.hpp"
#include "providers/plaid/client.hpp"
#include "providers/plaid/errors.hpp"
#include "providers/plaid/pages.hpp"
#include "providers/plaid/transactions.hpp"
#include "json/document.hpp"
#include "json/reader.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr int kPageSize = 500; // the most Plaid gives: fewer pages, fewer changes between two of them, fewer calls
// At 50 calls a minute these pages take more than six hours and hold ten million updates: no honest loop is longer.
constexpr std::int64_t kMaxPages = 20'000;

struct Answer {
	ChangePage page;
	std::optional<bool> has_more;
	std::string request_id;
};

HistoryStatus history_status(std::string_view text) {
	if (text == "NOT_READY")
		return HistoryStatus::not_ready;
	if (text == "INITIAL_UPDATE_COMPLETE")
		return HistoryStatus::initial;
	if (text == "HISTORICAL_UPDATE_COMPLETE")
		return HistoryStatus::complete;
	return HistoryStatus::unknown;
}

Answer read_answer(std::string bytes, Raw raw) {
	Answer answer;
	TransactionPage &page = answer.page.transactions;
	page.bytes = bytes.size();
	auto body = std::make_unique<json::Body>(std::move(bytes));
	json::Reader reader(*body);
	// `modified` after `added` whatever the order of the keys: it is the newer version of an id that stands in both.
	std::optional<json::Value> modified;
	const auto read_rows = [&](json::Value rows) {
		rows.array_or_null([&](json::Value item) { read_transaction(item, *body, raw, page); });
	};
	reader.root().object([&](std::string_view key, json::Value value) {
		if (key == "added")
			read_rows(value);
		else if (key == "modified")
			modified = value;
		else if (key == "removed")
			value.array_or_null([&](json::Value item) { read_removed(item, *body, page); });
		else if (key == "next_cursor")
			answer.page.next_cursor = value.text_or_empty();
		else if (key == "has_more")
			answer.has_more = value.is_null() ? std::nullopt : std::optional(value.boolean());
		else if (key == "transactions_update_status")
			answer.page.status = history_status(value.text_or_empty());
		else if (key == "request_id")
			answer.request_id = value.text_or_empty();
	});
	reader.finish();
	if (modified)
		read_rows(*modified);
	settle_ids(page);
	page.memory = std::move(body);
	return answer;
}

class PlaidChanges final : public ChangeReader {
public:
	PlaidChanges(Session session, Credentials credentials, std::string cursor)
	    : session_(std::move(session)), credentials_(std::move(credentials)), cursor_(std::move(cursor)),
	      raw_(parse_boolean(session_.server->option("keep_raw")).value_or(false) ? Raw::keep : Raw::drop) {
		used_.insert(cursor_);
	}

	Task<ChangePage> next() override {
		if (++pages_ > kMaxPages)
			throw Error(ErrorCode::limit_exceeded, "too many pages of transactions",
			            error_detail(kChangesEndpoint, 0, {}, {}));
		Call call;
		call.endpoint = kChangesEndpoint;
		call.body = request();
		http::Response response = co_await send(session_, std::move(call));
		Answer answer =
		    read_form(kChangesEndpoint, [&] { return read_answer(std::move(response.body), raw_); });
		if (session_.stats) {
			++session_.stats->pages;
			session_.stats->last_request_id = presentable_request_id(answer.request_id);
		}
		check(answer);
		answer.page.has_more = *answer.has_more;
		cursor_ = answer.page.next_cursor;
		co_return std::move(answer.page);
	}

private:
	WipedString request() const {
		json::Object options;
		options.set("include_original_description", true);
		if (cursor_.empty())
			options.set("days_requested", days_requested(*session_.server, {})); // this call may add the product
		json::Object body = body_with_token(credentials_);
		body.set_if("cursor", cursor_).set("count", kPageSize).set("options", options);
		return body.dump();
	}

	void check(const Answer &answer) {
		const ChangePage &page = answer.page;
		const TransactionPage &rows = page.transactions;
		if (!answer.has_more)
			bad_answer(kChangesEndpoint, "has_more is missing", answer.request_id);
		// Without a cursor nothing may have come: the next loop would not go on behind it.
		const bool empty = rows.rows.empty() && rows.removed.empty() && rows.rejected.empty();
		if (page.next_cursor.empty() && (*answer.has_more || !empty))
			bad_answer(kChangesEndpoint, "next_cursor is missing", answer.request_id);
		// At the end of a loop the cursor may be the one that was sent; while there is more it has to move on.
		if (*answer.has_more && !used_.insert(page.next_cursor))
			bad_answer(kChangesEndpoint, "a cursor came twice in one loop", answer.request_id);
	}

	Session session_;
	Credentials credentials_;
	std::string cursor_;
	Raw raw_;
	std::int64_t pages_ = 0;
	// A collision would make this loop fail; the next one meets other cursors.
	IdSet used_;
};

} // namespace

std::unique_ptr<ChangeReader> read_changes(Session session, Credentials credentials, std::string cursor) {
	return std::make_unique<PlaidChanges>(std::move(session), std::move(credentials), std::move(cursor));
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
