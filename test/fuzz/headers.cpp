// Headers as a receiver passes them on, to every scheme: none accepts them, none throws.
#include <cstdint>
#include <cstdlib>

#include "webhook/reasons.hpp"
#include "webhook/scheme.hpp"

using namespace ob;

namespace {

void require(bool good) {
	if (!good)
		std::abort();
}

constexpr const char *kPem = "-----BEGIN PUBLIC KEY-----\n"
                             "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4iNncf35sVnjmAiNAb6jOjBsqWW7\n"
                             "u65EipIc27xsdhwbThWkWrZze+15zRmU39/Zm6zQUGwWxWUWZL/uwkfFMQ==\n"
                             "-----END PUBLIC KEY-----\n";

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
	const webhook::Headers headers(std::string_view(reinterpret_cast<const char *>(data), size));
	const webhook::Headers::Found found = headers.one("Plaid-Verification");
	if (found) {
		require(found.value.size() <= webhook::kMaxHeaderBytes);
		for (char c : found.value)
			require(static_cast<unsigned char>(c) >= 0x20 || c == '\t');
		require(headers.one("plaid-VERIFICATION").value == found.value);
	} else {
		require(!webhook::explain(found.reason).empty());
	}

	const webhook::Delivery delivery{"POST", "/hooks", headers, "{}", Timestamp(std::chrono::seconds(1763800000))};
	const Secret secrets[] = {Secret("a secret that no input contains: 6c1f0a")};
	webhook::SchemeSettings settings;
	settings.jku = "https://webhooks.truelayer-sandbox.com/.well-known/jwks";
	for (const char *name : {"plaid_jwt", "hmac_sha256", "hmac_sha512", "ecdsa_sha256", "tl_signature"}) {
		const webhook::Scheme &scheme = *webhook::find_scheme(name);
		const webhook::KeyWish wish = scheme.wish(delivery, settings);
		const webhook::Verification result = scheme.verify(delivery, settings, {kPem, secrets});
		require(!result.verified() && !webhook::explain(result.reason).empty());
		require(wish.reason.empty() || wish.reason == result.reason);
	}
	return 0;
}
