// C++ regime.
#include "pg/fdw/scan.hpp"

extern "C" {
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "utils/rel.h"
}

#include <algorithm>
#include <exception>

#include "pg/fdw/chosen.hpp"
#include "pg/fdw/failure.hpp"
#include "pg/fdw/plan.hpp"
#include "pg/guard.hpp"
#include "pg/runtime.hpp"

namespace ob::pg::fdw {

namespace {

ForeignScan *plan_of(ForeignScanState *node) {
	return reinterpret_cast<ForeignScan *>(node->ss.ps.plan);
}

/// What fdw_exprs of the plan became.
struct Prepared {
	int conditions; // in `ready`
	ExprState *about_connection;
};

/// Makes fdw_exprs of the plan executable: conditions into `ready`, which has room for as many as the note says, the
/// rest as one. EXPLAIN alone runs nothing of the query: it takes the conditions whose values can be had without.
/// Server regime.
Prepared prepare(ForeignScanState *node, const Shape &shape, int conditions, ReadyCondition *ready) {
	const ForeignScan *plan = plan_of(node);
	const bool explain_only = is_explain_only(node);
	Prepared prepared{};
	for (int i = 0; i < conditions; ++i) {
		auto *clause = static_cast<Node *>(list_nth(plan->fdw_exprs, i));
		ReadyCondition &next = ready[prepared.conditions];
		if (!as_condition(clause, static_cast<int>(plan->scan.scanrelid), shape, &next.condition))
			elog(ERROR, "a condition of the plan is no longer understood");
		if (explain_only && (compat::has_no_parameters(node) || !is_known_early(next.condition)))
			continue;
		next.value = ExecInitExpr(reinterpret_cast<Expr *>(next.condition.value), &node->ss.ps);
		++prepared.conditions;
	}
	List *rest = NIL;
	for (int i = conditions; i < list_length(plan->fdw_exprs); ++i)
		rest = lappend(rest, list_nth(plan->fdw_exprs, i));
	if (rest != NIL && !explain_only)
		prepared.about_connection = ExecInitQual(rest, &node->ss.ps);
	return prepared;
}

[[noreturn]] void raise_reauth(const store::Connection &connection) {
	throw Error(ErrorCode::reauth_required,
	            "connection " + std::to_string(connection.id) + " needs its user to log in again",
	            "server: " + connection.server + ", state: " + connection.state,
	            "Please reconnect the bank; to read the others meanwhile add: AND connection_state = 'active'.");
}

[[noreturn]] void raise_rejected(const RejectedRow &row) {
	std::string detail = row.reason;
	if (!row.account_id.empty())
		detail.append(", account ").append(row.account_id);
	if (!row.transaction_id.empty())
		detail.append(", transaction ").append(row.transaction_id);
	throw Error(ErrorCode::bad_reply, "a transaction of the bank cannot be shown as a row", std::move(detail),
	            "A sync keeps such transactions in ob.quarantine and goes on with the others.");
}

} // namespace

Scan::Scan(ForeignScanState *node, MemoryContext page) : node_(node), page_(page) {
	const Shape shape = read_shape(RelationGetRelid(node->ss.ss_currentRelation));
	check_columns(shape);
	const ForeignScan *plan = plan_of(node);
	const PlanNote note = read_note(plan);
	object_ = shape.object;
	server_ = server_name(plan->fs_server);
	limited_ = note.limited;
	width_ = shape.count;
	for (int i = 0; i < list_length(note.attributes); ++i) {
		const int number = list_nth_int(note.attributes, i);
		if (const ColumnSpec *column = shape.column(number))
			cells_.push_back({number - 1, column->column});
	}
	for (int number = 1; number <= shape.count; ++number)
		if (const ColumnSpec *column = shape.column(number); column && is_of_connection(column->column))
			connection_cells_.push_back({number - 1, column->column});
	conditions_.resize(static_cast<std::size_t>(note.conditions));
	const Prepared prepared = guard([&] { return prepare(node, shape, note.conditions, conditions_.data()); });
	conditions_.resize(static_cast<std::size_t>(prepared.conditions));
	about_connection_ = prepared.about_connection;
}

void Scan::restart() noexcept {
	reading_.reset();
	batch_.reset();
	started_ = false;
	context_.clear();
}

bool Scan::fill(Block *block) {
	// Whatever the server allocates on the way goes with the block.
	const MemoryContext before = guard([&] {
		MemoryContextReset(page_);
		return MemoryContextSwitchTo(page_);
	});
	context_.clear();
	bool found = true;
	if (!started_)
		start();
	while (!batch_ || built_ == batch_->rows()) {
		found = next_batch();
		if (!found)
			break;
	}
	if (found)
		build(block);
	MemoryContextSwitchTo(before);
	return found;
}

void Scan::last_call(Block *block) {
	block->last_call = -1;
	if (!reading_)
		return;
	const MemoryContext before = MemoryContextSwitchTo(page_);
	read([&] { reading_->prefetch(); });
	MemoryContextSwitchTo(before);
}

void Scan::start() {
	restart();
	started_ = true;
	const Wanted wanted = evaluate(conditions_, node_->ss.ps.ps_ExprContext);
	std::vector<store::Connection> connections = choose(wanted);
	apply_conditions(connections);
	for (const store::Connection &connection : connections)
		if (connection.state == "reauth_required")
			raise_reauth(connection);
	Reading::Order order;
	order.object = object_;
	order.connections = std::move(connections);
	order.window = wanted.window;
	order.limited = limited_;
	reading_ = std::make_unique<Reading>(std::move(order), calls_, stats_);
}

std::vector<store::Connection> Scan::choose(const Wanted &wanted) {
	const Oid user = guard([&] { return compat::checked_user(node_); });
	if (!wanted.nothing)
		return choose_connections(server_, user, wanted.filter);
	as_user(user, [&] { servers_behind(server_); });
	return {};
}

std::size_t Scan::expected_connections() {
	return choose(evaluate(conditions_, node_->ss.ps.ps_ExprContext)).size();
}

void Scan::apply_conditions(std::vector<store::Connection> &connections) {
	if (!about_connection_ || connections.empty())
		return;
	const bool *kept = guard([&] {
		bool *result = static_cast<bool *>(palloc(connections.size()));
		TupleTableSlot *slot = node_->ss.ss_ScanTupleSlot;
		ExprContext *context = node_->ss.ps.ps_ExprContext;
		for (std::size_t i = 0; i < connections.size(); ++i) {
			if (i % kBlockRows == 0)
				CHECK_FOR_INTERRUPTS();
			ResetExprContext(context);
			ExecClearTuple(slot);
			build_connection(slot->tts_values, slot->tts_isnull, width_, connection_cells_, connections[i]);
			ExecStoreVirtualTuple(slot);
			context->ecxt_scantuple = slot;
			result[i] = ExecQual(about_connection_, context);
		}
		ExecClearTuple(slot);
		ResetExprContext(context);
		return result;
	});
	std::size_t i = 0;
	std::erase_if(connections, [&](const store::Connection &) { return !kept[i++]; });
}

void Scan::read(const std::function<void()> &step) {
	std::exception_ptr failure;
	try {
		step();
	} catch (...) {
		failure = std::current_exception();
	}
	if (!failure)
		return;
	if (const store::Connection *failed = reading_->failed()) {
		set_context(failed);
		const store::Connection connection = *failed;
		reading_.reset(); // the other requests end here: nobody will read their answers
		report_failure(connection, failure);
	}
	std::rethrow_exception(failure);
}

bool Scan::next_batch() {
	// The rows of the old batch are handed out, its bytes need not wait for the next one.
	batch_.reset();
	built_ = 0;
	if (!reading_)
		return false;
	read([&] { batch_ = reading_->next(); });
	if (!batch_) {
		reading_.reset();
		return false;
	}
	set_context(&reading_->connections()[batch_->connection]);
	if (!batch_->page.rejected.empty())
		raise_rejected(batch_->page.rejected.front());
	read_at_ = Runtime::get().clock().now();
	return true;
}

void Scan::build(Block *block) {
	Runtime::get().waiter().check();
	const store::Connection &connection = reading_->connections()[batch_->connection];
	const std::size_t total = batch_->rows();
	const std::size_t count = std::min(kBlockRows, total - built_);
	block->width = width_;
	guard([&] {
		if (object_ == Object::transactions)
			build_transactions(block, cells_, connection, std::span(batch_->page.rows).subspan(built_, count));
		else
			build_accounts(block, cells_, connection, std::span(batch_->accounts).subspan(built_, count), read_at_);
	});
	// The next page is asked for when half of this one is used: in time to be there, not before somebody needs it.
	const std::size_t half = (total + 1) / 2;
	block->last_call = half >= built_ && half < built_ + count ? static_cast<int>(half - built_) : -1;
	built_ += count;
}

void Scan::set_context(const store::Connection *connection) {
	context_ = std::string("reading ") + object_name(object_) + " of connection " + std::to_string(connection->id) +
	           " through server \"" + connection->server + "\"";
}

} // namespace ob::pg::fdw
