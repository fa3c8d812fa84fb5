// What EXPLAIN says of a live table's scan: which calls it would make, of those that are billed also how many, and with
// ANALYZE what they came to. Makes no call and reads no credentials. C++ regime.
#include "pg/entry.hpp"

extern "C" {
#include "commands/explain.h"
#include "nodes/makefuncs.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
}

#include <set>
#include <string>

#include "pg/fdw/callbacks.hpp"
#include "pg/fdw/chosen.hpp"
#include "pg/fdw/scan.hpp"
#include "pg/store/servers.hpp"

namespace ob::pg::fdw {

namespace {

void put_text(const char *label, const std::string &value, ExplainState *out) {
	guard([&] { ExplainPropertyText(label, value.c_str(), out); });
}

/// The conditions as SQL, null if there are none. Server regime.
const char *deparse(ForeignScanState *node, ExplainState *out) {
	auto *plan = reinterpret_cast<ForeignScan *>(node->ss.ps.plan);
	if (plan->fdw_exprs == NIL)
		return nullptr;
	List *context = set_deparse_context_plan(out->deparse_cxt, &plan->scan.plan, NIL);
	auto *all = reinterpret_cast<Node *>(make_ands_explicit(plan->fdw_exprs));
	return deparse_expression(all, context, list_length(out->rtable) > 1, false);
}

std::string_view endpoint_of(const providers::Provider &provider, Object object) {
	switch (object) {
	case Object::accounts:
		return provider.accounts_endpoint();
	case Object::transactions:
		return provider.transactions_endpoint();
	case Object::balances:
		return provider.balances_endpoint();
	}
	return {};
}

/// Providers behind the server and the path of the call each gets.
void show_calls(ForeignScanState *node, Object object, ExplainState *out) {
	const Oid server = reinterpret_cast<ForeignScan *>(node->ss.ps.plan)->fs_server;
	const Oid user = guard([&] { return compat::checked_user(node); });
	std::set<std::string> names;
	as_user(user, [&] {
		for (const std::string &behind : servers_behind(server_name(server)))
			names.insert(store::provider_of(behind));
	});
	std::string providers;
	std::string calls;
	for (const std::string &name : names) {
		const providers::Provider *provider = providers::find_provider(name);
		if (!provider)
			continue;
		providers.append(providers.empty() ? "" : ", ").append(name);
		calls.append(calls.empty() ? "" : ", ").append(endpoint_of(*provider, object));
	}
	put_text("Provider", providers, out);
	put_text("Call", calls, out);
}

/// One call for each connection, and providers bill it: worth knowing beforehand.
void show_expected(Scan &scan, ExplainState *out) {
	const auto calls = static_cast<int64>(scan.expected_connections());
	guard([&] { ExplainPropertyInteger("Expected Calls", nullptr, calls, out); });
}

void show_stats(const Scan &scan, ExplainState *out) {
	const providers::CallStats &calls = scan.calls();
	const ReadStats &stats = scan.stats();
	guard([&] {
		ExplainPropertyInteger("Connections", nullptr, stats.connections, out);
		ExplainPropertyInteger("Requests", nullptr, calls.requests, out);
		ExplainPropertyInteger("Retries", nullptr, calls.retries, out);
		ExplainPropertyInteger("Pages", nullptr, stats.pages, out);
		ExplainPropertyInteger("Rows Fetched", nullptr, stats.rows, out);
		if (out->timing) {
			ExplainPropertyInteger("Bytes", nullptr, calls.bytes, out);
			ExplainPropertyFloat("Remote Time", "ms", static_cast<double>(calls.remote_time.count()) / 1000.0, 3, out);
		}
	});
}

} // namespace

void explain_foreign_scan(ForeignScanState *node, ExplainState *out) {
	entry([&] {
		Scan &scan = *static_cast<ScanState *>(node->fdw_state)->scan;
		if (out->verbose) {
			show_calls(node, scan.object(), out);
			if (const char *conditions = guard([&] { return deparse(node, out); }))
				put_text("Pushed Conditions", conditions, out);
		}
		if (out->analyze)
			show_stats(scan, out);
		else if (scan.object() == Object::balances && is_explain_only(node)) // auto_explain comes after the run
			show_expected(scan, out);
	});
}

} // namespace ob::pg::fdw
