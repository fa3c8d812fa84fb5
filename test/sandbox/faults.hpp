// Rules that spoil answers on purpose: which calls they hit, and what then happens.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json.hpp"
#include "message.hpp"
#include "provider.hpp"

namespace ob::sandbox {

/// What a rule does to a call it hits. See README.md for the words of /_control/faults.
struct Fault {
	enum class Kind {
		status,
		error,
		rate_limit,
		cut,
		drip,
		stall,
		delay,
		truncate,
		malformed,
		content_type,
		html,
		empty,
		huge,
		invalid_utf8,
		endless_pages,
		repeat_cursor,
		mutation_error,
		change_total,
		not_net,
		control,
	};

	Kind kind = Kind::status;
	int status = 500;
	std::string code; ///< provider's error code
	std::string text; ///< body, message or content type, by kind
	std::string content_type = "application/json";
	HeaderList headers;
	Delivery delivery;
	std::size_t bytes = 0;
	std::string field;                                    ///< where invalid bytes go
	std::vector<std::pair<std::string, std::string>> run; ///< control commands: path and body
	bool takes_effect = true; ///< the provider works on the request before the answer is spoiled
};

/// One rule of /_control/faults.
struct FaultRule {
	std::uint64_t id = 0;
	std::string provider;    ///< empty: any
	std::string path;        ///< with the provider's prefix; empty: any; * for a part of it, at the end for any rest
	std::string item_id;     ///< empty: any
	std::uint64_t nth = 1;   ///< the first matching call it hits
	std::uint64_t count = 1; ///< how many matching calls from there on; 0: all
	std::uint64_t seen = 0;  ///< matching calls so far
	Fault fault;
	std::string text; ///< as it was given
};

class Faults {
public:
	/// Reads a rule from its JSON text. Throws ControlError for unknown words and missing values.
	std::uint64_t add(const std::string &text);
	bool remove(std::uint64_t id);
	void clear() { rules_.clear(); }
	/// Counts the call against every rule and returns what hits it, oldest rule first.
	[[nodiscard]] std::vector<Fault> match(std::string_view provider, std::string_view path, std::string_view item_id);
	/// All rules as JSON, with how often each has matched.
	[[nodiscard]] std::string list() const;

private:
	std::vector<FaultRule> rules_;
	std::uint64_t next_id_ = 1;
};

/// Sets the directives that the faults ask for.
void collect(const std::vector<Fault> &faults, Directives &directives);

/// The answer a fault gives in the provider's place, if it is of that sort.
[[nodiscard]] std::optional<Response> replacement(const Fault &fault, Provider &provider);

/// Spoils an answer that the provider has given. Not for faults that have a replacement().
void spoil(const Fault &fault, Response &response);

} // namespace ob::sandbox
