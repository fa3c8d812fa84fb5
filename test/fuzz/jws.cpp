// Tokens in a header. Whatever they are, they are told apart in one way, and accepted only if they are signed.
#include <cstdint>
#include <cstdlib>

#include "crypto/base64.hpp"
#include "webhook/jws.hpp"
#include "webhook/scheme.hpp"
#include "json/document.hpp"

using namespace ob;

namespace {

void require(bool good) {
	if (!good)
		std::abort();
}

/// There is one text for what was read.
void same(std::string_view token, const std::optional<webhook::JwsParts> &parts, std::string_view between) {
	if (!parts)
		return;
	const std::string middle = parts->payload.empty() ? std::string(between) : "." + std::string(parts->payload) + ".";
	require(std::string(parts->header) + middle + std::string(parts->signature) == token);
	if (webhook::decode_object(parts->header))
		require(crypto::base64url_encode(*crypto::base64url_decode(parts->header)) == parts->header);
}

void refuse(const char *scheme_name, const char *header, std::string_view token) {
	json::Object headers;
	try {
		headers.set(header, token);
	} catch (const Error &) {
		return; // no UTF-8: cannot come out of JSON
	}
	headers.set("x-tl-webhook-timestamp", "2025-11-22T08:26:40Z");
	const webhook::Headers sent(headers.canonical_dump());
	const webhook::Delivery delivery{"POST", "/hooks", sent, "{}", Timestamp(std::chrono::seconds(1763800000))};
	webhook::SchemeSettings settings;
	settings.jku = "https://a.example/jwks";
	const webhook::Scheme &scheme = *webhook::find_scheme(scheme_name);
	// The published example of a key, whose private half only its provider has.
	const webhook::KeyMaterial keys{
	    R"({"alg":"ES256","crv":"P-256","kid":"k","kty":"EC","use":"sig","x":"hKXLGIjWvCBv-cP5euCTxl8g9GLG9zHo_3pO5NN1DwQ",)"
	    R"("y":"shhexqPB7YffGn6fR6h2UhTSuCtPmfzQJ6ENVIoO4Ys"})",
	    {}};
	const webhook::KeyWish wish = scheme.wish(delivery, settings);
	const webhook::Verification result = scheme.verify(delivery, settings, keys);
	require(!result.verified());
	require(wish.reason.empty() ? !wish.key_id.empty() : wish.reason == result.reason);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
	const std::string_view token(reinterpret_cast<const char *>(data), size);
	same(token, webhook::split_compact(token), "");
	same(token, webhook::split_detached(token), "..");
	refuse("plaid_jwt", "plaid-verification", token);
	refuse("tl_signature", "tl-signature", token);
	// As what a token says of itself, which mutation alone does not reach through base64url.
	const std::string header = crypto::base64url_encode(token);
	refuse("plaid_jwt", "plaid-verification", header + ".e30." + std::string(86, 'A'));
	refuse("tl_signature", "tl-signature", header + ".." + std::string(176, 'A'));
	return 0;
}
