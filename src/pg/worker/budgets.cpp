#include "pg/worker/budgets.hpp"

#include "core/error.hpp"
#include "pg/runtime.hpp"
#include "pg/store/server_budget.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/steps.hpp"
#include "json/document.hpp"

namespace ob::pg {

namespace {

using store::BudgetGrant;
using store::BudgetWant;

std::string to_json(const std::vector<BudgetWant> &wants) {
	json::Array list;
	for (const BudgetWant &want : wants) {
		json::Object object;
		object.set("connection", want.connection).set("class", want.call_class).set("calls", want.calls);
		object.set("limit", want.limit.calls).set("period", want.limit.period.count());
		list.add(object);
	}
	return std::string(list.dump());
}

std::vector<BudgetWant> wants_from(std::string_view text) {
	std::vector<BudgetWant> wants;
	const auto document = json::Document::parse(text);
	for (const json::Node &want : document.items())
		wants.push_back({want.integer("connection").value(), std::string(want.text("class")),
		                 CallLimit{want.integer("limit").value(), std::chrono::seconds(want.integer("period").value())},
		                 want.integer("calls").value()});
	return wants;
}

std::int64_t count(Timestamp at) {
	return at.time_since_epoch().count();
}

Timestamp time_of(const json::Node &grant, std::string_view name) {
	return Timestamp(std::chrono::microseconds(grant.integer(name).value()));
}

std::string to_json(const std::vector<BudgetGrant> &grants) {
	json::Array list;
	for (const BudgetGrant &grant : grants) {
		json::Object object;
		object.set("calls", grant.calls).set("from", count(grant.from)).set("until", count(grant.until));
		object.set("free_at", count(grant.free_at));
		list.add(object);
	}
	return std::string(list.dump());
}

std::vector<BudgetGrant> grants_from(std::string_view text) {
	std::vector<BudgetGrant> grants;
	const auto document = json::Document::parse(text);
	for (const json::Node &grant : document.items())
		grants.push_back({grant.integer("calls").value(), time_of(grant, "from"), time_of(grant, "until"),
		                  time_of(grant, "free_at")});
	return grants;
}

} // namespace

std::string worker::take_budgets(const Request &request) {
	const std::vector<BudgetWant> wants = wants_from(request.budgets_json);
	std::vector<BudgetGrant> grants;
	record([&] {
		grants = store::take_budgets(request.server, wants, Runtime::get().clock().now(), store::Taking::all);
	});
	return to_json(grants);
}

Task<std::vector<BudgetGrant>> store::take_by_worker(std::string server, std::vector<BudgetWant> wants) {
	worker::Request request;
	request.kind = "budget";
	request.server = std::move(server);
	request.budgets_json = to_json(wants);
	Task<std::string> task = worker::call(std::move(request));
	const std::string taken = co_await task;
	co_return grants_from(taken);
}

} // namespace ob::pg
