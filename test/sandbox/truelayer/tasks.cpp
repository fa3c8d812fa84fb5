// Asynchronous calls and batches: 202 at first, the results later, at an address of their own.
#include <algorithm>

#include "events.hpp"
#include "state.hpp"

namespace ob::sandbox::truelayer {

namespace {

constexpr std::string_view kQueued = "Queued";

Time due_at(const State &state, const Task &task) {
	return task.created + state.settings.async_queued + state.settings.async_running;
}

std::string_view stage_of(const State &state, const Task &task) {
	return state.world.clock.now() < task.created + state.settings.async_queued ? kQueued : "Running";
}

std::string batch_list(State &state, Connection &connection, const Json &asked, bool cards) {
	const std::string list = cards ? "/cards/" : "/accounts/";
	const auto only = asked.get("account_ids_whitelist").texts();
	const auto part = [&](const Account &account, const std::string &what) {
		DataRequest request;
		request.route = find_route(list + account.id + what, request.account_id);
		if (asked.has("from")) {
			request.from = asked.text_of("from");
		}
		if (asked.has("to")) {
			request.to = asked.text_of("to");
		}
		return run_call(state, connection, request);
	};
	std::vector<std::string> out;
	for (const Account &account : connection.item->accounts) {
		const bool wanted = only.empty() || std::find(only.begin(), only.end(), account.id) != only.end();
		if (account.card != cards || !account.open() || !wanted) {
			continue;
		}
		ObjectText object;
		object.string("account_id", account.id).raw("transactions", part(account, "/transactions"));
		if (asked.truth_of("pending")) {
			object.raw("pending_transactions", part(account, "/transactions/pending"));
		}
		if (asked.truth_of("balance")) {
			const std::string balances = part(account, "/balance");
			object.raw("balance", balances.substr(1, balances.size() - 2));
		}
		out.push_back(object.end());
	}
	return json_array(out);
}

// What a batch answers besides its status.
std::string batch_results(State &state, Connection &connection, const Task &task, bool finished) {
	const Json asked = Json::parse(task.batch);
	ObjectText range;
	for (const char *word : {"from", "to"}) {
		if (asked.has(word)) {
			range.string(word, asked.text_of(word));
		}
	}
	const auto list = [&](bool cards) {
		return finished && connection.has_scope(cards ? "cards" : "accounts")
		           ? batch_list(state, connection, asked, cards)
		           : std::string("[]");
	};
	const std::string results = ObjectText{}.raw("accounts", list(false)).raw("cards", list(true)).end();
	return ObjectText{}.raw("request", range.end()).raw("results", results).end();
}

std::string task_answer(State &state, Connection &connection, const Task &task, std::string_view status,
                        const std::string &results, const ApiError *error) {
	ObjectText out;
	if (task.batch.empty()) {
		out.raw("results", results);
	} else {
		const RawObject parts = RawObject::parse(batch_results(state, connection, task, false)).value_or(RawObject{});
		out.string("task_id", task.id).raw("request", parts.get("request").value_or("{}"));
		out.raw("results", results.empty() ? parts.get("results").value_or("{}") : results);
	}
	out.string("status", status);
	if (error != nullptr) {
		out.string("error", error->code).string("error_description", error->description);
	}
	return out.end();
}

void finish(State &state, Task &task) {
	Connection &connection = state.connections.at(task.connection);
	bool failed = false;
	try {
		std::string results;
		if (task.batch.empty()) {
			results = run_call(state, connection, task.request);
		} else {
			const auto parts = RawObject::parse(batch_results(state, connection, task, true));
			results = parts.value_or(RawObject{}).get("results").value_or("{}");
		}
		task.answer = task_answer(state, connection, task, "Succeeded", results, nullptr);
	} catch (const ApiError &error) {
		failed = true;
		task.answer = task_answer(state, connection, task, "Failed", task.batch.empty() ? "[]" : "", &error);
	}
	announce_task(state, task, failed);
}

} // namespace

Response start_task(State &state, const Request &request, Task task) {
	const World &world = state.world;
	task.id = state.world.ids.uuid();
	task.created = world.clock.now();
	const std::string base = world.base_url + "/truelayer/api";
	task.request_uri = world.base_url + request.path + (request.query.empty() ? "" : "?" + request.query);
	task.results_uri =
	    (state.settings.results_base.empty() ? base : state.settings.results_base) + "/data/v1/results/" + task.id;
	const Connection &connection = state.connections.at(task.connection);
	const std::string body =
	    ObjectText{}.string("results_uri", task.results_uri).string("status", kQueued).string("task_id", task.id).end();
	state.tasks[task.id] = std::move(task);
	return data_response(state, connection, 202, body);
}

Response answer_batch(State &state, const Request &request, Connection &connection) {
	// The contract calls them date-times and shows some without a zone.
	Json body;
	try {
		body = read_body(request,
		                 {string_field("from"), string_field("to"), boolean_field("pending"), boolean_field("balance"),
		                  url_field("webhook_uri"), strings_field("account_ids_whitelist")},
		                 false);
	} catch (const ApiError &error) {
		fail("validation_error", error.description);
	}
	if (!connection.has_scope("accounts") && !connection.has_scope("cards")) {
		fail("access_denied");
	}
	Task task;
	task.connection = connection.item->number;
	task.batch = body.dump();
	if (body.has("webhook_uri")) {
		task.webhook_uri = body.text_of("webhook_uri");
	}
	return start_task(state, request, std::move(task));
}

Response answer_results(State &state, const Connection &connection, const std::string &task_id) {
	advance_tasks(state);
	const auto found = state.tasks.find(task_id);
	if (found == state.tasks.end() || found->second.connection != connection.item->number) {
		fail("not_found");
	}
	const Task &task = found->second;
	Connection &owner = state.connections.at(task.connection);
	return data_response(
	    state, connection, 200,
	    task.answer ? *task.answer
	                : task_answer(state, owner, task, stage_of(state, task), task.batch.empty() ? "[]" : "", nullptr));
}

// TrueLayer: of the batch asked for last.
Response answer_batch_results(State &state, const Connection &connection) {
	const Task *latest = nullptr;
	for (const auto &[id, task] : state.tasks) {
		if (task.connection == connection.item->number && !task.batch.empty() &&
		    (latest == nullptr || task.created >= latest->created)) {
			latest = &task;
		}
	}
	if (latest == nullptr) {
		fail("not_found");
	}
	return answer_results(state, connection, latest->id);
}

void advance_tasks(State &state) {
	const Time now = state.world.clock.now();
	std::erase_if(state.tasks, [&](const auto &entry) {
		const Task &task = entry.second;
		return now >= due_at(state, task) + std::chrono::seconds{state.settings.async_keep_seconds} ||
		       state.connections.at(task.connection).item->removed;
	});
	for (auto &[id, task] : state.tasks) {
		if (!task.answer && now >= due_at(state, task)) {
			finish(state, task);
		}
	}
}

} // namespace ob::sandbox::truelayer
