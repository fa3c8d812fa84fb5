// The library's version: that of openbanking.control.
#pragma once

namespace ob::pg {

inline constexpr const char *kVersion = "0.4";

} // namespace ob::pg
