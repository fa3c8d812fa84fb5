// ob.keys: which keys there are, and how many values each seals. C++ regime behind OB_FUNCTION.

#include "pg/postgres.hpp"

#include "pg/entry.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/store/keys.hpp"
#include "pg/store/sealed_values.hpp"

namespace ob::pg::sqlapi {

namespace {

Fields key_row(const std::string &id, bool current, bool in_ring, const store::KeyUse &use) {
	Fields row{field(id), current ? "t" : "f", in_ring ? "t" : "f"};
	for (const std::int64_t count : use)
		row.push_back(field(count));
	return row;
}

/// The ring in its order, then what is used without being there.
std::vector<Fields> key_rows() {
	std::map<std::string, store::KeyUse> uses = store::count_key_uses(store::sealed_options());
	std::vector<Fields> rows;
	if (store::keys_configured()) {
		const crypto::KeyRing ring = store::load_keys_afresh();
		for (const crypto::Key &key : ring.keys()) {
			rows.push_back(key_row(key.id, &key == &ring.current(), true, uses[key.id]));
			uses.erase(key.id);
		}
	}
	for (const auto &[id, use] : uses)
		rows.push_back(key_row(id, false, false, use));
	return rows;
}

} // namespace

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_keys) {
	return return_rows(fcinfo, key_rows());
}
