// ob.adopt_database: a copy becomes the original. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

extern "C" {
#include "tcop/utility.h"
}

#include <map>

#include "pg/entry.hpp"
#include "pg/guard.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/installation.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sealed_values.hpp"
#include "providers/sealed_option.hpp"

namespace ob::pg::sqlapi {

namespace {

/// Counts by key the sealed values that do not open.
class Check {
public:
	void columns();
	void options();
	/// Throws not_configured if there were any.
	void report() const;

private:
	void value(const std::string &bytes, const std::string &place);

	const std::optional<crypto::KeyRing> ring_ =
	    store::keys_configured() ? std::optional(store::load_keys_afresh()) : std::nullopt;
	std::map<std::string, std::int64_t> closed_;
};

void Check::value(const std::string &bytes, const std::string &place) {
	try {
		if (ring_) {
			(void)crypto::unseal(*ring_, bytes, place, "");
			return;
		}
	} catch (const Error &) {
		// counted below, with those for which there is no ring at all
	}
	++closed_[crypto::sealed_key_id(bytes).value_or("unknown")];
}

void Check::columns() {
	constexpr std::int64_t kBatch = 500;
	for (const store::SealedColumn &column : store::sealed_columns()) {
		std::vector<store::SealedValue> batch;
		do {
			Runtime::get().waiter().check();
			batch = store::not_sealed_with(column, "", batch.empty() ? std::vector<std::string>() : batch.back().key,
			                               kBatch);
			for (const store::SealedValue &sealed : batch)
				value(sealed.bytes, store::place_of(column, sealed));
		} while (!batch.empty());
	}
}

void Check::options() {
	for (const store::SealedOption &option : store::sealed_options().found)
		value(option.bytes, providers::option_place(option.server, option.option));
}

void Check::report() const {
	if (closed_.empty())
		return;
	std::string detail;
	for (const auto &[key, count] : closed_)
		detail += (detail.empty() ? "key \"" : ", key \"") + key + "\": " + std::to_string(count) + " values";
	throw Error(ErrorCode::not_configured,
	            ring_ ? "the keys do not open all that is sealed here" : "there is no key for what is sealed here",
	            detail,
	            "Bring the keys of the original: openbanking.key_file or key_command. If they are lost, "
	            "ob.adopt_database(without_keys => true); every bank has to be linked anew then.");
}

std::string adopt_database(bool without_keys) {
	guard([] { PreventCommandIfReadOnly("ob.adopt_database()"); });
	if (store::is_adopted())
		return "not a copy";
	if (!without_keys) {
		Check check;
		check.options();
		store::as_owner([&] { check.columns(); });
		check.report();
	}
	store::as_owner([&] {
		store::adopt();
		store::audit({.action = "DATABASE_ADOPTED"});
	});
	return "adopted";
}

} // namespace

} // namespace ob::pg::sqlapi

OB_FUNCTION(ob_adopt_database) {
	using namespace ob::pg::sqlapi;
	return return_text(adopt_database(boolean_argument(fcinfo, 0).value_or(false)));
}
