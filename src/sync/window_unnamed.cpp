// C++ regime.
#include "sync/window_unnamed.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "providers/row_identity.hpp"

#include "core/pure.hpp"

namespace ob::sync {

namespace {

struct IdParts {
	std::string_view key;
	std::uint32_t number = 0;
};

/// Takes an id apart that may be one of ours.
std::optional<IdParts> take_apart(std::string_view id) {
	const std::size_t dash = id.rfind('-');
	if (dash == id.npos || dash + 1 == id.size())
		return std::nullopt;
	IdParts parts{id.substr(0, dash + 1)};
	const char *const end = id.data() + id.size();
	const auto read = std::from_chars(id.data() + dash + 1, end, parts.number);
	if (read.ptr != end || read.ec != std::errc())
		return std::nullopt;
	return parts;
}

} // namespace

void UnnamedRows::note(const Transaction &row, std::uint64_t version) {
	groups_[providers::content_key(row)].came.push_back({.version = version, .id = {}});
}

void UnnamedRows::begin_meeting() {
	for (auto &[key, group] : groups_) {
		group.stored.clear();
		for (Came &row : group.came)
			row = {.version = row.version, .id = {}};
	}
}

bool UnnamedRows::meet(const Transaction &stored, std::uint64_t version) {
	const auto parts = take_apart(stored.id);
	const auto group = parts ? groups_.find(parts->key) : groups_.end();
	if (group == groups_.end())
		return false;
	group->second.stored.push_back({parts->number, version, LooseRow(stored)});
	return true;
}

std::vector<LooseRow> UnnamedRows::assign() {
	std::vector<LooseRow> left;
	for (auto &[key, group] : groups_) {
		std::sort(group.came.begin(), group.came.end(),
		          [](const Came &a, const Came &b) { return a.version < b.version; });
		std::sort(group.stored.begin(), group.stored.end(),
		          [](const Stored &a, const Stored &b) { return a.number < b.number; });
		assign_ids(key, group);
		for (Stored &stored : group.stored)
			left.push_back(std::move(stored.row));
	}
	return left;
}

/// Leaves in `stored` what came no more.
void UnnamedRows::assign_ids(const std::string &key, Group &group) {
	std::vector<std::uint32_t> used;
	for (const Stored &stored : group.stored)
		used.push_back(stored.number);
	const auto give = [&](Came &row, std::vector<Stored>::iterator stored) {
		row.id = std::move(stored->row.id);
		row.stored = true;
		row.settled = row.version == stored->version;
		group.stored.erase(stored);
	};
	for (Came &row : group.came) {
		const auto same = std::find_if(group.stored.begin(), group.stored.end(),
		                               [&](const Stored &stored) { return stored.version == row.version; });
		if (same != group.stored.end())
			give(row, same);
	}
	std::uint32_t number = 0;
	for (Came &row : group.came) {
		if (row.stored)
			continue;
		if (!group.stored.empty()) {
			give(row, group.stored.begin());
			continue;
		}
		do
			++number;
		while (std::find(used.begin(), used.end(), number) != used.end());
		row.id = key + std::to_string(number);
	}
}

bool UnnamedRows::has_come(std::string_view id) const {
	const auto parts = take_apart(id);
	const auto group = parts ? groups_.find(parts->key) : groups_.end();
	return group != groups_.end() && std::any_of(group->second.came.begin(), group->second.came.end(),
	                                             [&](const Came &row) { return row.id == id; });
}

void UnnamedRows::begin_pass() {
	for (auto &[key, group] : groups_)
		for (Came &row : group.came)
			row.taken = false;
}

const UnnamedRows::Came &UnnamedRows::take(const Transaction &row, std::uint64_t version) {
	std::vector<Came> &came = groups_.at(providers::content_key(row)).came;
	const auto next = std::find_if(came.begin(), came.end(),
	                               [&](const Came &entry) { return entry.version == version && !entry.taken; });
	next->taken = true;
	return *next;
}

} // namespace ob::sync

#include "core/pure.hpp"
