// Keys as providers tell them, and as a damaged cache or a lying key host would.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "webhook/jwk.hpp"
#include "webhook/reasons.hpp"

using namespace ob;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
	const std::string_view text(reinterpret_cast<const char *>(data), size);
	constexpr webhook::JwkRule rules[] = {{crypto::Curve::p256, "P-256", "ES256", true},
	                                      {crypto::Curve::p521, "P-521", "ES512", false}};
	for (const webhook::JwkRule &rule : rules) {
		const webhook::FoundKey found = webhook::read_jwk(text, rule, "k");
		if (found.key.has_value() != found.reason.empty())
			std::abort();
		if (!found.key) {
			if (webhook::explain(found.reason).empty())
				std::abort();
			continue;
		}
		const std::string zeros(2 * crypto::field_size(rule.curve), '\0');
		if (found.key->curve() != rule.curve || found.key->verify_raw(crypto::Hash::sha256, "m", zeros))
			std::abort();
	}
	return 0;
}
