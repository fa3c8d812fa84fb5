// Plaid's: the header Plaid-Verification has a JWT, signed with ES256 by a key that the provider tells by its id. Its
// claims are the time and the SHA-256 of the body. C++ regime.
#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "webhook/freshness.hpp"
#include "webhook/jwk.hpp"
#include "webhook/jws.hpp"
#include "webhook/memo.hpp"
#include "webhook/reasons.hpp"
#include "webhook/schemes.hpp"

#include "core/pure.hpp"

namespace ob::webhook {
namespace {

constexpr std::string_view kHeader = "Plaid-Verification";
constexpr std::string_view kAlgorithm = "ES256";
constexpr JwkRule kRule{crypto::Curve::p256, "P-256", kAlgorithm, true};
constexpr std::chrono::minutes kTolerance(5);

class PlaidJwt final : public Scheme {
public:
	std::string_view name() const noexcept override { return "plaid_jwt"; }
	KeySource key_source() const noexcept override { return KeySource::provider; }
	KeyWish wish(const Delivery &delivery, const SchemeSettings &settings) const override;
	std::string_view flaw(const Delivery &delivery, const SchemeSettings &settings) const override;
	Verification verify(const Delivery &delivery, const SchemeSettings &settings,
	                    const KeyMaterial &keys) const override;
};

struct Token {
	JwsParts parts;
	std::string key_id;
	std::string_view reason;
};

Token read_token(const Delivery &delivery, const SchemeSettings &settings) {
	const Headers::Found found = delivery.headers.one(settings.header.empty() ? kHeader : settings.header);
	if (!found)
		return {{}, {}, found.reason};
	const std::optional<JwsParts> parts = split_compact(found.value);
	if (!parts)
		return {{}, {}, reason::token_malformed};
	Token token{*parts, {}, {}};
	// The headers of one key are all alike.
	thread_local Memo<std::string> key_ids;
	const std::optional<std::string> key_id = key_ids.get(parts->header, [&]() -> std::optional<std::string> {
		const JoseHeader header = read_jose_header(parts->header, kAlgorithm);
		token.reason = header.reason;
		return header.reason.empty() ? std::optional<std::string>(header.key_id()) : std::nullopt;
	});
	token.key_id = key_id.value_or("");
	return token;
}

Verification check_claims(std::string_view segment, const Delivery &delivery, const SchemeSettings &settings) {
	const std::optional<json::Document> claims = decode_object(segment);
	if (!claims)
		return {reason::token_malformed};
	const std::optional<std::int64_t> seconds = claims->integer("iat");
	const std::optional<Timestamp> signed_at = seconds ? from_unix_seconds(*seconds) : std::nullopt;
	if (!signed_at)
		return {reason::time_malformed};
	const std::chrono::seconds tolerance = tolerance_or(settings.tolerance, kTolerance);
	if (const std::string_view wrong = check_time(*signed_at, delivery.received_at, {tolerance, tolerance});
	    !wrong.empty())
		return {wrong};
	if (!crypto::equal_constant_time(crypto::sha256_hex(delivery.body), claims->text("request_body_sha256")))
		return {reason::wrong_body};
	return {{}, signed_at};
}

KeyWish PlaidJwt::wish(const Delivery &delivery, const SchemeSettings &settings) const {
	const Token token = read_token(delivery, settings);
	if (!token.reason.empty())
		return {{}, token.reason};
	return {token.key_id, {}};
}

std::string_view PlaidJwt::flaw(const Delivery &delivery, const SchemeSettings &settings) const {
	const Token token = read_token(delivery, settings);
	return token.reason.empty() ? check_claims(token.parts.payload, delivery, settings).reason : token.reason;
}

Verification PlaidJwt::verify(const Delivery &delivery, const SchemeSettings &settings, const KeyMaterial &keys) const {
	const Token token = read_token(delivery, settings);
	if (!token.reason.empty())
		return {token.reason};
	const FoundKey found = read_jwk(keys.key, kRule, token.key_id);
	if (!found.key)
		return {found.reason};
	const std::optional<std::string> signature = crypto::base64url_decode(token.parts.signature);
	if (!signature || signature->size() != 2 * crypto::field_size(kRule.curve))
		return {reason::signature_malformed};
	if (!found.key->verify_raw(crypto::Hash::sha256, token.parts.signed_text, *signature))
		return {reason::wrong_signature};
	return check_claims(token.parts.payload, delivery, settings);
}

} // namespace

const Scheme &plaid_jwt() noexcept {
	static const PlaidJwt scheme;
	return scheme;
}

} // namespace ob::webhook

#include "core/pure.hpp"
