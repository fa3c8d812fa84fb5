// A bank behind Plaid as a log of changes: the truth that synced tables are compared with. Knows accounts and
// /transactions/sync, nothing else.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "unit/support/fake_store.hpp"
#include "unit/support/fake_transport.hpp"
#include "unit/support/plaid_session.hpp"
#include "json/document.hpp"

namespace ob::test {

class BankModel {
public:
	enum class Stage { not_ready, initial, complete };

	struct Entry {
		std::string account_id;
		std::string amount; // Plaid's sign, without minus zero
		std::string name;
		std::string pending_transaction_id;
		std::string date = "2026-03-01";
		bool pending = false;
		bool exists = true;
		std::uint64_t created = 0;
		std::uint64_t changed = 0;
	};

	Stage stage = Stage::complete;
	std::size_t page_size = 3;
	/// Whether a removal is told although the loop's cursor is older than the row.
	bool tells_unknown_removals = false;
	/// Every call with a cursor of a finished loop fails as if data had changed.
	bool stuck = false;
	std::set<std::string> refused_cursors;
	/// What the item says of itself; an error object, or empty.
	std::string item_error;
	std::string updated_at = "2026-03-10T06:00:00Z";
	bool item_names_bank = true;
	/// Pages do not tell how complete the history is.
	bool status_unknown = false;
	/// How many there are is not told: one call too many.
	bool count_fails = false;
	/// Runs after each page of transactions has been answered.
	std::function<void()> after_page;
	/// Fails the n-th call from now (0: the next) once, with this error object.
	std::optional<std::pair<int, std::string>> fault;

	// ---- what happens at the bank ----

	void add_account(const std::string &id, const std::string &balance = "10.00") { accounts_[id] = balance; }
	void close_account(const std::string &id) { accounts_.erase(id); }

	void add(const std::string &id, const std::string &amount, const std::string &account = "acc", bool pending = false,
	         const std::string &pending_id = {}) {
		Entry entry;
		entry.account_id = account;
		entry.amount = amount;
		entry.name = "name of " + id;
		entry.pending = pending;
		entry.pending_transaction_id = pending_id;
		entry.created = entry.changed = ++sequence_;
		entries_[id] = entry;
	}
	void modify(const std::string &id, const std::string &amount) {
		entries_.at(id).amount = amount;
		entries_.at(id).changed = ++sequence_;
	}
	void remove(const std::string &id) {
		entries_.at(id).exists = false;
		entries_.at(id).changed = ++sequence_;
	}
	void bring_back(const std::string &id) {
		entries_.at(id).exists = true;
		entries_.at(id).changed = ++sequence_;
	}
	/// As Plaid does it: another id, the old one removed.
	void post(const std::string &pending_id, const std::string &id, bool linked) {
		const Entry pending = entries_.at(pending_id);
		add(id, pending.amount, pending.account_id, false, linked ? pending_id : std::string{});
		remove(pending_id);
	}
	/// A row that cannot be stored.
	void spoil(const std::string &id) {
		entries_.at(id).date = "someday";
		entries_.at(id).changed = ++sequence_;
	}

	void mend(const std::string &id) {
		entries_.at(id).date = "2026-03-02";
		entries_.at(id).changed = ++sequence_;
	}

	const std::map<std::string, Entry> &entries() const { return entries_; }
	std::vector<std::string> existing(bool pending_only = false) const {
		std::vector<std::string> ids;
		for (const auto &[id, entry] : entries_)
			if (entry.exists && (!pending_only || entry.pending))
				ids.push_back(id);
		return ids;
	}

	// ---- what Plaid answers ----

	http::Response answer(const SentRequest &request) {
		if (request.endpoint == "/item/get") // beside the others: neither counted nor spoilt with them
			return item();
		if (request.endpoint == "/institutions/get_by_id")
			return FakeTransport::response(
			    200, R"({"institution":{"institution_id":"ins_1","name":"First Bank","logo":"TE9HTw=="},"request_id":"r"})");
		if (request.endpoint == "/transactions/get")
			return count();
		++calls;
		if (fault && fault->first-- == 0) {
			const std::string body = fault->second;
			fault.reset();
			return FakeTransport::response(400, body);
		}
		if (request.endpoint == "/accounts/get")
			return accounts();
		if (request.endpoint == "/transactions/sync")
			return changes(json::Document::parse(request.body));
		throw std::logic_error("the bank does not know " + request.endpoint);
	}

	/// What the tables lack or hold too much; empty if they tell the truth.
	std::string differences(const StoredConnection &stored) const {
		std::string out;
		for (const auto &[id, entry] : entries_) {
			const auto row = stored.transactions.find({entry.account_id, id});
			const bool live = row != stored.transactions.end() && row->second.live;
			if (entry.date == "someday")
				continue; // may be quarantined, may be stored as it was
			if (entry.exists && !live)
				out += " lost " + id;
			if (!entry.exists && live)
				out += " ghost " + id;
			if (entry.exists && live &&
			    (row->second.amount != money::negated(entry.amount) || row->second.pending != entry.pending ||
			     row->second.pending_transaction_id != entry.pending_transaction_id))
				out += " differs " + id;
		}
		for (const auto &[key, row] : stored.transactions)
			if (row.live && !entries_.contains(row.id))
				out += " invented " + row.id;
		for (const auto &[raw, rejection] : stored.quarantine)
			if (entries_.contains(rejection.id) && entries_.at(rejection.id).exists &&
			    entries_.at(rejection.id).date != "someday")
				out += " still in quarantine " + rejection.id;
		for (const auto &[id, account] : stored.accounts)
			if (account.live != accounts_.contains(id))
				out += " account " + id;
		return out;
	}

	int calls = 0;
	int mutations_told = 0;

private:
	std::string item_object() const {
		return R"({"item_id":"item","institution_id":"ins_1","institution_name":)" +
		       std::string(item_names_bank ? R"("First Bank")" : "null") +
		       R"(,"consent_expiration_time":"2026-09-01T00:00:00Z","error":)" +
		       (item_error.empty() ? "null" : item_error) + "}";
	}

	http::Response item() const {
		return FakeTransport::response(200, R"({"item":)" + item_object() +
		                                        R"(,"status":{"transactions":{"last_successful_update":")" + updated_at +
		                                        R"("}},"request_id":"ri"})");
	}

	http::Response count() const {
		if (count_fails)
			return FakeTransport::response(429, plaid_error("RATE_LIMIT_EXCEEDED", "TRANSACTIONS_LIMIT"));
		return FakeTransport::response(200, R"({"accounts":[],"transactions":[],"item":{},"total_transactions":)" +
		                                        std::to_string(existing().size()) + R"(,"request_id":"rc"})");
	}

	http::Response accounts() const {
		std::string list;
		for (const auto &[id, balance] : accounts_)
			list += (list.empty() ? "" : ",") + std::string(R"({"account_id":")") + id + R"(","balances":{"current":)" +
			        balance + R"(,"iso_currency_code":"USD"},"name":"n","type":"depository","subtype":"checking"})";
		return FakeTransport::response(200, R"({"accounts":[)" + list + R"(],"item":)" + item_object() + R"(,"request_id":"ra"})");
	}

	struct Cursor {
		std::uint64_t base = 0;     // the loop began with what is newer than this
		std::uint64_t position = 0; // the loop has delivered what is not newer than this
		std::uint64_t snapshot = 0; // the log's end when the loop began; 0: no loop is under way
	};

	static std::string text(const Cursor &cursor) {
		if (cursor.snapshot == 0)
			return "b" + std::to_string(cursor.base) + "+/=";
		return "m" + std::to_string(cursor.base) + ":" + std::to_string(cursor.position) + ":" +
		       std::to_string(cursor.snapshot) + "+/=";
	}
	static Cursor parse(const std::string &text) {
		Cursor cursor;
		if (text.empty())
			return cursor;
		std::size_t end = 0;
		cursor.base = cursor.position = std::stoull(text.substr(1), &end);
		if (text[0] == 'm') {
			const std::string rest = text.substr(2 + end);
			cursor.position = std::stoull(rest, &end);
			cursor.snapshot = std::stoull(rest.substr(end + 1));
		}
		return cursor;
	}

	static http::Response mutation() {
		return FakeTransport::response(
		    400, plaid_error("TRANSACTIONS_ERROR", "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"));
	}

	http::Response changes(const json::Document &request) {
		const std::string sent(request.text("cursor"));
		if (refused_cursors.contains(sent))
			return FakeTransport::response(
			    400, plaid_error("INVALID_REQUEST", "INVALID_FIELD", "cursor not associated with access_token"));
		if (stage == Stage::not_ready)
			return FakeTransport::response(200,
			                               R"({"added":[],"modified":[],"removed":[],"accounts":[],"next_cursor":"",)"
			                               R"("has_more":false,"transactions_update_status":"NOT_READY"})");
		Cursor cursor = parse(sent);
		if ((stuck && sent.starts_with('b')) || (cursor.snapshot != 0 && cursor.snapshot != sequence_)) {
			++mutations_told;
			return mutation();
		}
		http::Response response = page(cursor);
		if (after_page)
			after_page();
		return response;
	}

	http::Response page(Cursor cursor) const {
		std::map<std::uint64_t, const std::pair<const std::string, Entry> *> feed;
		for (const auto &entry : entries_) {
			const bool known = entry.second.created <= cursor.base;
			if (entry.second.changed > cursor.position && (entry.second.exists || known || tells_unknown_removals))
				feed[entry.second.changed] = &entry;
		}
		std::string added, modified, removed;
		std::size_t count = 0;
		for (const auto &[changed, place] : feed) {
			if (count++ == page_size)
				break;
			const auto &[id, entry] = *place;
			std::string &list = !entry.exists ? removed : entry.created > cursor.base ? added : modified;
			list += (list.empty() ? "" : ",") + object(id, entry);
			cursor.position = changed;
		}
		const bool more = feed.size() > page_size;
		if (more)
			cursor.snapshot = sequence_;
		else
			cursor = {sequence_, sequence_, 0};
		return FakeTransport::response(
		    200, R"({"accounts":[],"added":[)" + added + R"(],"modified":[)" + modified + R"(],"removed":[)" + removed +
		             R"(],"has_more":)" + (more ? "true" : "false") + R"(,"next_cursor":")" + text(cursor) +
		             R"(","request_id":"rs","transactions_update_status":")" + status() + R"("})");
	}

	std::string status() const {
		if (status_unknown)
			return "TRANSACTIONS_UPDATE_STATUS_UNKNOWN";
		return stage == Stage::initial ? "INITIAL_UPDATE_COMPLETE" : "HISTORICAL_UPDATE_COMPLETE";
	}

	static std::string object(const std::string &id, const Entry &entry) {
		if (!entry.exists)
			return R"({"account_id":")" + entry.account_id + R"(","transaction_id":")" + id + "\"}";
		return R"({"account_id":")" + entry.account_id + R"(","amount":)" + entry.amount + R"(,"date":")" + entry.date +
		       R"(","iso_currency_code":"USD","name":")" + entry.name + R"(","pending":)" +
		       (entry.pending ? "true" : "false") + R"(,"pending_transaction_id":)" +
		       (entry.pending_transaction_id.empty() ? "null" : "\"" + entry.pending_transaction_id + "\"") +
		       R"(,"transaction_id":")" + id + "\"}";
	}

	std::map<std::string, std::string> accounts_;
	std::map<std::string, Entry> entries_;
	std::uint64_t sequence_ = 0;
};

} // namespace ob::test
