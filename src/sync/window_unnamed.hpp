// Ids for rows whose bank gives them none that lasts: made of their content. Rows that are alike in it are told apart
// by a number, which each keeps from one reading to the next. C++ regime.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/model.hpp"
#include "sync/window_pending.hpp"

#include "core/pure.hpp"

namespace ob::sync {

class UnnamedRows {
public:
	/// A row that came. `version` stands for all that is in it but its id.
	struct Came {
		std::uint64_t version = 0;
		std::string id;
		bool stored = false;  // live already under this id
		bool settled = false; // and just the same
		bool taken = false;   // by a row of the present pass
	};

	void note(const Transaction &row, std::uint64_t version);

	/// What is stored is met anew. Then every row that is live: false if none that came could be it.
	void begin_meeting();
	bool meet(const Transaction &stored, std::uint64_t version);
	/// Gives each row that came its id: that of a stored one just the same, else of one alike, else a free one. Returns
	/// the stored ones that are left over.
	std::vector<LooseRow> assign();

	/// After assign(): whether a row has come under that id.
	bool has_come(std::string_view id) const;

	/// The rows that came are gone through anew.
	void begin_pass();
	/// The entry of the next one of them.
	const Came &take(const Transaction &row, std::uint64_t version);

private:
	struct Stored {
		std::uint32_t number = 0;
		std::uint64_t version = 0;
		LooseRow row;
	};
	struct Group {
		std::vector<Came> came;
		std::vector<Stored> stored;
	};

	static void assign_ids(const std::string &key, Group &group);

	std::map<std::string, Group, std::less<>> groups_; // by content
};

} // namespace ob::sync

#include "core/pure.hpp"
