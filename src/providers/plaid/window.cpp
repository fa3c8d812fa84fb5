// /transactions/get: a range of dates, paged by offset. C++ regime.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/id_set.hpp"
#include "core/time.hpp"
#include "providers/fields.hpp"
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

constexpr std::int64_t kPageSize = 500; // the most Plaid gives; fewer pages are fewer chances for a change in between
// Full pages would be ten million rows in one statement: whatever sends more is broken.
constexpr std::int64_t kMaxPages = 20'000;

struct Answer {
	TransactionPage page; // without the row that it repeats
	std::int64_t count = 0;
	std::string first, last; // of all that came, repeated row included
	std::optional<std::int64_t> total;
	std::string request_id;
};

/// What tells a row from others: its id, or all of it if it has none.
std::string identity(json::Value row) {
	std::string_view id;
	members_of(row, [&](std::string_view key, json::Value field) {
		if (key == "transaction_id")
			id = text_of(field);
	});
	return std::string(id.empty() ? row.raw() : id);
}

/// `repeats`: the first row stood on the page before.
Answer read_answer(std::string bytes, bool repeats) {
	Answer answer;
	answer.page.bytes = bytes.size();
	auto body = std::make_unique<json::Body>(std::move(bytes));
	json::Reader reader(*body);
	std::optional<json::Value> last;
	reader.root().object([&](std::string_view key, json::Value value) {
		if (key == "transactions")
			value.array_or_null([&](json::Value item) {
				if (answer.count++ == 0)
					answer.first = identity(item);
				if (answer.count > 1 || !repeats)
					read_transaction(item, *body, Raw::keep, answer.page);
				last = item;
			});
		else if (key == "total_transactions")
			answer.total = value.integer_or_null();
		else if (key == "request_id")
			answer.request_id = value.text_or_empty();
	});
	reader.finish();
	if (last)
		answer.last = identity(*last);
	answer.page.memory = std::move(body);
	return answer;
}

/// The pages do not add up to one state of the bank's data.
[[noreturn]] void moved(std::string_view what, std::string_view request_id) {
	throw ProviderError(
	    ErrorCode::bad_reply, Reaction::restart, {}, "the transactions changed while being read: " + std::string(what),
	    error_detail(kWindowEndpoint, 200, {}, request_id), "Repeat the statement, or read the synced table instead.");
}

/// Plaid wants a last day. The day that it is already somewhere on earth: the bank's own may be ahead of UTC.
Date latest_day(const Session &session) {
	constexpr auto kEasternmost = std::chrono::hours(14);
	return std::chrono::floor<std::chrono::days>(session.clock->now() + kEasternmost);
}

class PlaidWindow final : public WindowReader {
public:
	PlaidWindow(Session session, Credentials credentials, Window window)
	    : session_(std::move(session)), credentials_(std::move(credentials)), window_(std::move(window)) {
		settle_days();
	}

	Task<std::optional<TransactionPage>> next() override {
		if (done_)
			co_return std::nullopt;
		if (++pages_ > kMaxPages)
			throw Error(ErrorCode::limit_exceeded, "too many pages of transactions",
			            error_detail(kWindowEndpoint, 0, {}, {}), "Ask for fewer days at a time.");
		Call call;
		call.endpoint = kWindowEndpoint;
		call.body = request();
		http::Response response = co_await send(session_, std::move(call));
		Answer answer = read_form(kWindowEndpoint, [&] { return read_answer(std::move(response.body), read_ > 0); });
		if (session_.stats) {
			++session_.stats->pages;
			session_.stats->last_request_id = presentable_request_id(answer.request_id);
		}
		check(answer);
		co_return std::move(answer.page);
	}

private:
	/// Plaid wants both days. Without a beginning the window is history_days long.
	void settle_days() {
		if (!window_.to)
			window_.to = latest_day(session_);
		if (!window_.from) {
			const Date today = std::chrono::floor<std::chrono::days>(session_.clock->now());
			const auto days = parse_integer(session_.server->option("history_days")).value_or(0);
			window_.from = std::min(today, *window_.to) - std::chrono::days(days);
		}
		done_ = *window_.from > *window_.to;
	}

	WipedString request() const {
		json::Object options;
		options.set("count", kPageSize)
		    .set("offset", std::max(read_ - 1, std::int64_t{0}))
		    .set("include_original_description", true);
		if (read_ == 0)
			options.set("days_requested", days_requested(*session_.server, {})); // this call may add the product
		if (!window_.account_ids.empty()) {
			json::Array ids;
			for (const std::string &id : window_.account_ids)
				ids.add(id);
			options.set("account_ids", ids);
		}
		json::Object body = body_with_token(credentials_);
		body.set("start_date", time::format_date(*window_.from)).set("end_date", time::format_date(*window_.to));
		body.set("options", options);
		return body.dump();
	}

	/// Offsets count from a list that the bank may change between two pages: then rows are missed or come twice. So
	/// each page begins with the last row of the one before: where rows came or went in front of it, another one stands
	/// there, even if their number is the same.
	void check(const Answer &answer) {
		if (!answer.total || *answer.total < 0)
			bad_answer(kWindowEndpoint, "total_transactions is missing or negative", answer.request_id);
		if (total_ && *total_ != *answer.total)
			moved("their number is another one", answer.request_id);
		if (read_ > 0 && answer.count > 0 && answer.first != last_)
			moved("they are in other places", answer.request_id);
		total_ = answer.total;
		const TransactionPage &page = answer.page;
		for (const Transaction &row : page.rows)
			if (!seen_.insert(row.id))
				moved("one of them came twice", answer.request_id);
		const auto fresh = static_cast<std::int64_t>(page.rows.size() + page.rejected.size());
		read_ += fresh;
		if (read_ > *total_)
			moved("there are more than announced", answer.request_id);
		if (fresh == 0 && read_ < *total_)
			moved("there are fewer than announced", answer.request_id);
		last_ = answer.last;
		done_ = read_ == *total_;
	}

	Session session_;
	Credentials credentials_;
	Window window_;
	std::int64_t pages_ = 0;
	std::int64_t read_ = 0;
	std::string last_;
	std::optional<std::int64_t> total_;
	// A collision would make a scan fail that could have been right, never the other way round.
	IdSet seen_;
	bool done_ = false;
};

} // namespace

std::unique_ptr<WindowReader> read_window(Session session, Credentials credentials, Window window) {
	return std::make_unique<PlaidWindow>(std::move(session), std::move(credentials), std::move(window));
}

Task<std::int64_t> count_transactions(Session session, Credentials credentials) {
	constexpr std::chrono::days kLongestHistory{731};
	const Date last = latest_day(session);
	json::Object options;
	options.set("count", 1).set("offset", 0);
	json::Object body = body_with_token(credentials);
	body.set("start_date", time::format_date(last - kLongestHistory)).set("end_date", time::format_date(last));
	body.set("options", options);
	Call call;
	call.endpoint = kWindowEndpoint;
	call.body = body.dump();
	call.repeat = Repeat::never;
	Task<json::Document> asking = ask(std::move(session), std::move(call));
	const json::Document answer = co_await asking;
	const std::optional<std::int64_t> total = answer.integer("total_transactions");
	if (!total || *total < 0)
		bad_answer(kWindowEndpoint, "total_transactions is missing or negative", answer.text("request_id"));
	co_return *total;
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
