// How many transactions there are, asked beside a first backfill for the sake of an estimate only. C++ regime.
#pragma once

#include <cstdint>
#include <optional>

#include "core/loop.hpp"
#include "core/task.hpp"
#include "providers/provider.hpp"

#include "core/pure.hpp"

namespace ob::sync {

class RowCount {
public:
	explicit RowCount(Loop &loop) : task_(loop) {}
	RowCount(const RowCount &) = delete;
	RowCount &operator=(const RowCount &) = delete;

	/// Nothing comes of it where the provider cannot tell, or the call fails or is one too many.
	void ask(const providers::Provider &provider, providers::Session session, providers::Credentials credentials);
	/// The answer, as soon as it is there. Throws what is no Error.
	std::optional<std::int64_t> result();

private:
	Task<void> count(const providers::Provider *provider, providers::Session session,
	                 providers::Credentials credentials);

	std::optional<std::int64_t> answer_;
	TaskGroup task_; // last: its end is the call's
};

} // namespace ob::sync

#include "core/pure.hpp"
