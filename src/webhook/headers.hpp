// The headers of a delivery. C++ regime.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/pure.hpp"

namespace ob::webhook {

/// Servers allow less in all.
inline constexpr std::size_t kMaxHeadersBytes = std::size_t{256} << 10;
/// Of one that a scheme needs; tokens have less than 1 kB.
inline constexpr std::size_t kMaxHeaderBytes = std::size_t{16} << 10;

class Headers {
public:
	/// Reads `{"Name": "text", "Other": ["text", …]}`, names in any case. Never throws for what it reads: what is wrong
	/// shows when a header is asked for.
	explicit Headers(std::string_view json);

	struct Found {
		std::string_view value;  ///< without blanks around it; lives as long as the Headers
		std::string_view reason; ///< why there is none (webhook/reasons.hpp); empty if there is

		explicit operator bool() const noexcept { return reason.empty(); }
	};
	/// The header of that name, in any case. Refused if it came more than once: which one counts, a proxy and a
	/// receiver may see differently.
	Found one(std::string_view name) const noexcept;

private:
	struct Header {
		std::string name;
		std::optional<std::string> value;
	};
	void read(std::string_view json);

	std::vector<Header> headers_;
	std::string_view reason_; // why they could not be read at all
};

} // namespace ob::webhook

#include "core/pure.hpp"
