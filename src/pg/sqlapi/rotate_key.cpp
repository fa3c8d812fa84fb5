// ob.rotate_key: everything that another key seals, under the current one. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/guc.h"
}

#include <chrono>
#include <set>

#include "pg/crash_point.hpp"
#include "pg/entry.hpp"
#include "pg/memory.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/procedure.hpp"
#include "pg/store/sealed_values.hpp"
#include "pg/subxact.hpp"
#include "providers/sealed_option.hpp"
#include "json/document.hpp"

namespace ob::pg::sqlapi {

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using store::SealedColumn;
using store::SealedOption;
using store::SealedValue;

// What was written under an old key while a pass ran is found by the next one; sessions that never stop doing so must
// not keep us for ever.
constexpr int kMaxPasses = 5;
constexpr auto kProgressEvery = 10s;
// Nobody who works on one row holds it for longer; so many in a row are no such thing.
constexpr const char *kLockTimeout = "100ms";
constexpr int kMaxLockedInARow = 10;

struct Resealed {
	const SealedValue *old;
	std::string fresh;
};

class Rotation {
public:
	Rotation(crypto::KeyRing ring, std::int64_t batch) : ring_(std::move(ring)), batch_(batch) {}
	void run();

private:
	void rotate(const SealedColumn &column);
	void write(const SealedColumn &column, const std::vector<Resealed> &values);
	bool write_unit(const SealedColumn &column, std::span<const Resealed> values);
	std::vector<Resealed> reseal(const SealedColumn &column, const std::vector<SealedValue> &values);
	void audit(const SealedColumn &column, std::int64_t count) const;
	void report() const;
	void report_key(const std::string &id, const store::KeyUse &use, bool in_ring, bool may_be_hidden) const;
	void report_option(const SealedOption &option) const;

	crypto::KeyRing ring_;
	std::int64_t batch_;
	std::int64_t done_ = 0;
	std::int64_t locked_ = 0; // in this pass
	std::set<std::string> failed_;
};

// ---- messages ----

struct Message {
	std::string text, detail, hint;
};

void say(int level, const Message &message) {
	const char *text = message.text.c_str(), *detail = message.detail.c_str(), *hint = message.hint.c_str();
	guard([&] {
		ereport(level, (errmsg_internal("%s", text), *detail ? errdetail_internal("%s", detail) : 0,
		                *hint ? errhint("%s", hint) : 0));
	});
}

std::string quoted(const std::string &key_id) {
	return "key \"" + key_id + "\"";
}

std::string identifier(const std::string &name) {
	const char *text = name.c_str();
	return guard([&] { return quote_identifier(text); });
}

std::string counted(std::int64_t count, const char *one, const char *many) {
	return std::to_string(count) + " " + (count == 1 ? one : many);
}

/// "2 tokens, 1 option of a user mapping"
std::string list(const store::KeyUse &use) {
	constexpr const char *kNames[store::kKeyUsers][2] = {{"token", "tokens"},
	                                                     {"account number", "account numbers"},
	                                                     {"part of a link", "parts of links"},
	                                                     {"outcome", "outcomes"},
	                                                     {"option of a user mapping", "options of user mappings"}};
	std::string text;
	for (std::size_t i = 0; i < use.size(); ++i)
		if (use[i] > 0)
			text.append(text.empty() ? "" : ", ").append(counted(use[i], kNames[i][0], kNames[i][1]));
	return text;
}

// ---- re-sealing ----

void Rotation::run() {
	for (int pass = 1; pass <= kMaxPasses; ++pass) {
		const std::int64_t before = done_;
		locked_ = 0;
		for (const SealedColumn &column : store::sealed_columns())
			rotate(column);
		if (done_ == before)
			break;
	}
	report();
}

void Rotation::rotate(const SealedColumn &column) {
	const std::int64_t before = done_;
	auto told = steady_clock::now();
	std::vector<std::string> last;
	for (;;) {
		Runtime::get().waiter().check();
		std::vector<SealedValue> values;
		with_scratch_memory([&] {
			store::as_owner([&] { values = store::not_sealed_with(column, ring_.current().id, last, batch_); });
		});
		if (values.empty())
			break;
		last = values.back().key;
		const std::vector<Resealed> fresh = reseal(column, values);
		crash_point("rekey_before_write");
		write(column, fresh);
		if (steady_clock::now() - told > kProgressEvery) {
			told = steady_clock::now();
			say(NOTICE, {column.name() + ": " + std::to_string(done_ - before) + " values re-sealed so far", {}, {}});
		}
	}
	if (done_ > before)
		say(NOTICE, {column.name() + ": " + counted(done_ - before, "value", "values") + " re-sealed with " +
		                 quoted(ring_.current().id),
		             {},
		             {}});
}

/// What does not open is told once and left as it is.
std::vector<Resealed> Rotation::reseal(const SealedColumn &column, const std::vector<SealedValue> &values) {
	std::vector<Resealed> fresh;
	fresh.reserve(values.size());
	for (const SealedValue &value : values) {
		const std::string place = store::place_of(column, value);
		const std::string what = "value in " + describe(column, value);
		try {
			const Secret plain = crypto::unseal(ring_, value.bytes, place, what);
			fresh.push_back({&value, crypto::seal(ring_, plain.reveal(), place)});
		} catch (const Error &error) {
			if (error.code() != ErrorCode::unseal_failed)
				throw;
			if (failed_.insert(what).second)
				say(WARNING, {error.message(), error.detail(), error.hint()});
		}
	}
	return fresh;
}

/// A row that somebody holds must not keep the others of its batch: each then goes alone, and that one is left.
void Rotation::write(const SealedColumn &column, const std::vector<Resealed> &values) {
	if (values.empty() || write_unit(column, values))
		return;
	int locked_in_a_row = 0;
	for (const Resealed &value : values) {
		if (write_unit(column, {&value, 1})) {
			locked_in_a_row = 0;
			continue;
		}
		++locked_;
		if (++locked_in_a_row == kMaxLockedInARow)
			throw Error(ErrorCode::not_configured, column.name() + " is locked by another session",
			            counted(done_, "value", "values") + " re-sealed before",
			            "CALL ob.rotate_key() again later: it goes on with what is left.");
	}
}

/// Writes and commits; false if it met a row that is locked, and then it has written nothing.
bool Rotation::write_unit(const SealedColumn &column, std::span<const Resealed> values) {
	std::int64_t written = 0;
	const auto body = [&] {
		guard([] {
			(void)set_config_option("lock_timeout", kLockTimeout, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
			                        false);
		});
		for (const Resealed &value : values)
			written += store::replace(column, *value.old, value.fresh);
		if (written > 0)
			audit(column, written);
	};
	try {
		with_scratch_memory([&] { subtransaction([&] { store::as_owner(body); }); });
	} catch (const ServerError &error) {
		if (!error.data() || error.data()->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
			throw;
		return false;
	}
	crash_point("rekey_before_commit");
	store::commit();
	crash_point("rekey_after_commit");
	done_ += written;
	return true;
}

/// In the same commit, so that the log knows of all that was done, however the call ends.
void Rotation::audit(const SealedColumn &column, std::int64_t count) const {
	json::Object details;
	details.set("key", ring_.current().id).set("column", column.name()).set("values", count);
	const std::string text(details.dump());
	store::audit({.action = "KEY_ROTATED", .details_json = text});
}

// ---- what is left ----

void Rotation::report() const {
	say(NOTICE, {counted(done_, "value", "values") + " re-sealed with " + quoted(ring_.current().id), {}, {}});
	if (!failed_.empty())
		say(WARNING, {counted(static_cast<std::int64_t>(failed_.size()), "value does", "values do") + " not open",
		              {},
		              "Each was named above. Put the key back that it names, or link those banks anew."});
	if (locked_ > 0)
		say(WARNING, {counted(locked_, "value is", "values are") + " locked by other sessions",
		              {},
		              "CALL ob.rotate_key() again: it goes on with what is left."});

	const store::SealedOptions options = store::sealed_options();
	std::map<std::string, store::KeyUse> uses = store::count_key_uses(options);
	for (const SealedOption &option : options.found)
		if (option.key_id != ring_.current().id)
			report_option(option);
	if (options.hidden > 0)
		say(NOTICE,
		    {counted(options.hidden, "user mapping", "user mappings") + " may hold sealed options that you cannot see",
		     {},
		     "Let a superuser look at ob.keys()."});
	for (const crypto::Key &key : ring_.keys()) {
		if (&key != &ring_.current())
			report_key(key.id, uses[key.id], true, options.hidden > 0);
		uses.erase(key.id);
	}
	for (const auto &[id, use] : uses)
		report_key(id, use, false, false);
}

void Rotation::report_key(const std::string &id, const store::KeyUse &use, bool in_ring, bool may_be_hidden) const {
	const std::string used_by = list(use);
	if (id.empty())
		say(NOTICE, {"not in the sealed form: " + used_by, {}, {}});
	else if (!used_by.empty())
		say(NOTICE, {quoted(id) + (in_ring ? " still seals: " : ", which is not in the ring, still seals: ") + used_by,
		             {},
		             in_ring ? "Do not remove it yet." : ""});
	else if (may_be_hidden)
		say(NOTICE,
		    {quoted(id) + " seals nothing that you can see", {}, "Do not remove it before a superuser has looked."});
	else
		say(NOTICE, {quoted(id) + " seals nothing any more and may be removed from the ring",
		             {},
		             "Wait for some minutes and look at ob.keys() again: a session may have read the ring before it "
		             "changed. Keep the key with the backups that were made under it."});
}

/// The catalog is its owner's to change; what to write is sealed already.
void Rotation::report_option(const SealedOption &option) const {
	const std::string of = "option " + option.option + " of the user mapping for " +
	                       (option.role.empty() ? "PUBLIC" : option.role) + " on server " + option.server;
	std::string fresh = "…";
	std::string detail;
	try {
		const std::string place = providers::option_place(option.server, option.option);
		const Secret plain = crypto::unseal(ring_, option.bytes, place, of);
		fresh = crypto::to_text(crypto::seal(ring_, plain.reveal(), place));
	} catch (const Error &error) {
		if (error.code() != ErrorCode::unseal_failed)
			throw;
		detail = error.message() + ": " + error.detail() + "; seal the secret anew with openbanking-seal or ob.seal";
	}
	say(NOTICE, {of + " is not sealed with " + quoted(ring_.current().id), detail,
	             "ALTER USER MAPPING FOR " + (option.role.empty() ? "PUBLIC" : identifier(option.role)) + " SERVER " +
	                 identifier(option.server) + " OPTIONS (SET " + option.option + " '" + fresh + "');"});
}

void rotate_key(FunctionCallInfo fcinfo) {
	if (PG_ARGISNULL(0) || PG_GETARG_INT32(0) < 1)
		throw Error(ErrorCode::invalid_argument, "argument \"batch\" must be positive");
	Rotation(store::load_keys_afresh(), PG_GETARG_INT32(0)).run();
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_rotate_key) {
	using namespace ob::pg::sqlapi;
	ob::pg::store::in_procedure(fcinfo, "ob.rotate_key", [&] { rotate_key(fcinfo); });
	return 0;
}
