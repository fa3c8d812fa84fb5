#include "webhook/scheme.hpp"

#include "webhook/schemes.hpp"

#include "core/pure.hpp"

namespace ob::webhook {

const Scheme *find_scheme(std::string_view name) noexcept {
	for (const Scheme *scheme : {&plaid_jwt(), &hmac_sha256(), &hmac_sha512(), &ecdsa_sha256(), &tl_signature()})
		if (scheme->name() == name)
			return scheme;
	return nullptr;
}

} // namespace ob::webhook

#include "core/pure.hpp"
