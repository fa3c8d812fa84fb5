// A stand-in for banks' logos.
#pragma once

#include <string>

namespace ob::sandbox::plaid {

/// A PNG of 152 by 152 pixels, as institutions' logos are, in base64.
[[nodiscard]] const std::string &logo_png_base64();

} // namespace ob::sandbox::plaid
