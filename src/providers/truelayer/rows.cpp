// C++ regime.
#include "providers/truelayer/rows.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "core/time.hpp"
#include "providers/running_balances.hpp"
#include "providers/truelayer/accounts.hpp"
#include "providers/truelayer/errors.hpp"
#include "providers/truelayer/results.hpp"
#include "providers/truelayer/transactions.hpp"

#include "core/pure.hpp"

namespace ob::providers::truelayer {

namespace {

const std::vector<int> kRefusals{400, 403, 404, 501};

void keep_only(const Range &range, TransactionPage &page) {
	std::erase_if(page.rows,
	              [&](const Transaction &row) { return row.date < range.keep_from || row.date > range.keep_to; });
}

} // namespace

Refusal refusal_of(int status, std::string_view code) {
	if (code == "invalid_date_range" || code == "access_denied" || (code.empty() && status == 403))
		return Refusal::fewer_days;
	if (code == "sca_exceeded")
		return Refusal::only_present;
	if (status == 501)
		return Refusal::not_offered;
	return status == 404 ? Refusal::unknown : Refusal::other;
}

Date today_of(const Session &session) {
	return std::chrono::floor<std::chrono::days>(session.clock->now());
}

Rows::Rows(Session session, Credentials credentials, Account account, Kind kind)
    : session_(std::move(session)), credentials_(std::move(credentials)), account_(std::move(account)), kind_(kind) {}

Task<Asked> Rows::ask(std::optional<Range> range) const {
	Call call = make_call(range);
	const std::string endpoint = call.endpoint;
	Task<http::Response> fetched = fetch(session_, credentials_, std::move(call));
	http::Response response = co_await fetched;
	Asked asked;
	if (response.status >= 300) {
		asked.refused = error_from(response, endpoint, session_.clock->now());
		asked.refusal = refusal_of(response.status, asked.refused->provider_code());
		co_return std::move(asked);
	}
	asked.page =
	    read_form(endpoint, [&] { return read_page(std::move(response.body), endpoint, &asked.signs_contradict); });
	if (range)
		keep_only(*range, asked.page);
	if (session_.stats)
		++session_.stats->pages;
	co_return std::move(asked);
}

Call Rows::make_call(const std::optional<Range> &range) const {
	const std::string_view what = kind_ == Kind::pending ? "/transactions/pending" : "/transactions";
	Call call;
	call.path = path_of(account_).append(what);
	call.endpoint = endpoint_of(account_).append(what);
	call.call_class = "transactions";
	call.resource = resource_of(account_, what.substr(1));
	call.judged = kRefusals;
	if (range) {
		call.query.emplace_back("from", time::format_date(range->from));
		call.query.emplace_back("to", time::format_date(range->to));
	}
	return call;
}

TransactionPage Rows::read_page(std::string bytes, std::string_view endpoint, bool *contradicts) const {
	TransactionPage page;
	page.bytes = bytes.size();
	auto body = std::make_unique<json::Body>(std::move(bytes));
	RowContext context;
	context.account_id = body->keep(account_.id);
	context.card = is_card(account_);
	context.pending = kind_ == Kind::pending;
	context.contradicts = contradicts;
	context.sign_mode = sign_mode_of(session_.server->option("sign_mode"));
	read_results(*body, endpoint, [&](json::Value item) { read_transaction(item, *body, context, page); });
	drop_shared_ids(page);
	*contradicts = *contradicts || balances_contradict(page.rows);
	page.memory = std::move(body);
	return page;
}

} // namespace ob::providers::truelayer

#include "core/pure.hpp"
