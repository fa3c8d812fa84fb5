// ob.request: a call that the extension does not model. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "funcapi.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
}

#include <algorithm>
#include <array>
#include <map>

#include "core/text.hpp"
#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/connections.hpp"
#include "pg/store/error_json.hpp"
#include "pg/worker/client.hpp"
#include "pg/worker/token_keeper.hpp"

namespace ob::pg::sqlapi {

namespace {

struct Order {
	std::string server;
	std::optional<ConnectionId> connection;
	providers::RawCall call;
};

/// Whose credentials a call is made with.
struct Caller {
	store::LoadedServer server;
	std::optional<store::Connection> connection;
	providers::Credentials tokens; // of the connection, if there is one

	providers::Session session(providers::CallStats &stats) const {
		return connection ? worker::connection_session(server, *connection, stats)
		                  : Runtime::get().session(server.config, stats);
	}
};

void check_method(const std::string &method) {
	constexpr std::array<std::string_view, 5> kMethods{"GET", "POST", "PUT", "PATCH", "DELETE"};
	if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end())
		throw Error(ErrorCode::invalid_argument, "argument \"method\" must be GET, POST, PUT, PATCH or DELETE");
}

/// Only paths that have one spelling: a provider refuses some of them, and must know them when it sees them.
void check_path(const std::string &path) {
	constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:@/";
	const bool plain = path.size() > 1 && path.starts_with('/') && !path.ends_with('/') &&
	                   path.find_first_not_of(kPlain) == std::string::npos && path.find("//") == std::string::npos &&
	                   path.find("/.") == std::string::npos;
	if (!plain)
		throw Error(ErrorCode::invalid_argument, "argument \"path\" must be a plain path such as /accounts/get", {},
		            "Parameters go into \"query\"; nothing is percent-encoded.");
}

Order read_order(FunctionCallInfo fcinfo) {
	Order order;
	order.server = required(name_argument(fcinfo, 0), "server");
	order.call.method = required(text_argument(fcinfo, 1), "method");
	order.call.path = required(text_argument(fcinfo, 2), "path");
	order.call.query_json = output_argument(fcinfo, 3).value_or("");
	order.call.body_json = output_argument(fcinfo, 4).value_or("");
	order.connection = integer_argument(fcinfo, 5);
	check_method(order.call.method);
	check_path(order.call.path);
	if (!order.call.query_json.empty())
		parse_object(order.call.query_json, "query");
	if (!order.call.body_json.empty())
		parse_object(order.call.body_json, "body");
	return order;
}

Caller find_caller(const Order &order) {
	if (!order.connection)
		return {usable_server(order.server), {}, {}};
	const store::Connection connection = store::find_connection_for_caller(*order.connection);
	if (connection.server != order.server)
		throw Error(ErrorCode::invalid_argument,
		            "connection " + std::to_string(connection.id) + " is not of server \"" + order.server + "\"");
	return {store::load_server(connection.server, connection.mapping_role), connection,
	        store::load_credentials(connection)};
}

/// Before the call, and whatever becomes of this transaction: one that is cancelled may have been made.
void record_call(const Order &order) {
	json::Object details;
	details.set("method", order.call.method).set("path", order.call.path);
	const std::string text(details.dump());
	run(worker::commit_audit(
	    {.action = "REQUEST", .connection = order.connection, .server = order.server, .details_json = text}));
}

void record_answer(const Order &order, const json::Object &details, bool success, const std::string &request_id) {
	const std::string text(details.dump());
	run(worker::commit_audit_surely({.action = "REQUEST_ANSWERED",
	                                 .connection = order.connection,
	                                 .server = order.server,
	                                 .request_id = request_id,
	                                 .success = success,
	                                 .details_json = text}));
}

http::Response send(const Order &order) {
	Caller caller = find_caller(order);
	// The call may change what the provider keeps.
	guard([] { PreventCommandIfReadOnly("ob.request()"); });
	record_call(order);
	providers::CallStats stats;
	http::Response response;
	std::optional<Error> failure;
	try {
		response = run(caller.server.provider->raw_call(caller.session(stats), order.call, std::move(caller.tokens)));
	} catch (const Error &error) {
		failure.emplace(error);
	}
	if (failure) {
		record_answer(order, store::error_object(*failure), false, stats.last_request_id);
		throw *failure;
	}
	constexpr int kFirstFailure = 400;
	json::Object details;
	details.set("path", order.call.path).set("status", response.status);
	record_answer(order, details, response.status < kFirstFailure, stats.last_request_id);
	return response;
}

// ---- the answer as a row ----

/// What HTTP allows in headers and JSON does not becomes question marks.
std::string header_text(std::string_view sent) {
	std::string text(sent);
	if (!text::valid_utf8(text))
		std::replace_if(
		    text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) < 0; }, '?');
	return text;
}

/// Headers by name; several of one name are joined as HTTP joins them. Cookies are the provider's business with us.
std::string headers_json(const http::Response &response) {
	std::map<std::string, std::string> joined;
	for (const auto &[name, value] : response.headers) {
		if (name == "set-cookie")
			continue;
		std::string &all = joined[header_text(name)];
		all.append(all.empty() ? "" : ", ").append(header_text(value));
	}
	json::Object object;
	for (const auto &[name, value] : joined)
		object.set(name, value);
	return std::string(object.dump());
}

Datum from_bytes(std::string_view bytes) {
	return PointerGetDatum(cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())));
}

Datum answer_row(FunctionCallInfo fcinfo, const http::Response &response) {
	const std::string headers = headers_json(response);
	const std::string content_type = header_text(response.header("content-type"));
	const bool is_text = text::valid_utf8(response.body) && response.body.find('\0') == std::string::npos;
	return guard([&] {
		TupleDesc columns;
		if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "the function does not return a row");
		Datum values[] = {Int32GetDatum(response.status),
		                  DirectFunctionCall1(jsonb_in, CStringGetDatum(headers.c_str())), from_bytes(content_type),
		                  is_text ? from_bytes(response.body) : static_cast<Datum>(0), from_bytes(response.body)};
		bool nulls[] = {false, false, content_type.empty(), !is_text, false};
		return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls));
	});
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_request) {
	const auto response = send(read_order(fcinfo));
	return answer_row(fcinfo, response);
}
