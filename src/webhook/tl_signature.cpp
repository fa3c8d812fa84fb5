// TrueLayer's: a detached JWS, ES512, over method, path, headers that it names itself, and the body. C++ regime.
#include <algorithm>
#include <vector>

#include "core/text.hpp"
#include "core/time.hpp"
#include "crypto/base64.hpp"
#include "crypto/ecdsa.hpp"
#include "webhook/freshness.hpp"
#include "webhook/jwk.hpp"
#include "webhook/jws.hpp"
#include "webhook/reasons.hpp"
#include "webhook/schemes.hpp"

#include "core/pure.hpp"

namespace ob::webhook {
namespace {

constexpr std::string_view kHeader = "Tl-Signature";
constexpr std::string_view kTimeHeader = "X-Tl-Webhook-Timestamp";
constexpr std::string_view kAlgorithm = "ES512";
constexpr std::string_view kVersion = "2";
constexpr JwkRule kRule{crypto::Curve::p521, "P-521", kAlgorithm, false};
// Repetitions go on for three days, and nobody says that they are signed anew.
constexpr std::chrono::hours kPast(72);
constexpr std::chrono::minutes kAhead(5);
constexpr std::size_t kMaxSignedHeaders = 32;

class TlSignature final : public Scheme {
public:
	std::string_view name() const noexcept override { return "tl_signature"; }
	KeySource key_source() const noexcept override { return KeySource::provider; }
	KeyWish wish(const Delivery &delivery, const SchemeSettings &settings) const override;
	std::string_view flaw(const Delivery &delivery, const SchemeSettings &settings) const override;
	Verification verify(const Delivery &delivery, const SchemeSettings &settings,
	                    const KeyMaterial &keys) const override;
};

struct Token {
	JwsParts parts;
	JoseHeader header;
	std::string_view reason;
};

/// What it says of the version and the key set. The latter is compared and never fetched.
std::string_view check_members(const json::Document &members, const SchemeSettings &settings) {
	if (members.text("tl_version") != kVersion)
		return reason::wrong_version;
	if (settings.jku.empty() || members.text("jku") != settings.jku)
		return reason::wrong_key_set;
	if (!members.get("tl_headers").is_text())
		return reason::token_malformed;
	return {};
}

Token read_token(const Delivery &delivery, const SchemeSettings &settings) {
	const Headers::Found found = delivery.headers.one(settings.header.empty() ? kHeader : settings.header);
	if (!found)
		return {{}, {}, found.reason};
	const std::optional<JwsParts> parts = split_detached(found.value);
	if (!parts)
		return {{}, {}, reason::token_malformed};
	Token token{*parts, read_jose_header(parts->header, kAlgorithm), {}};
	token.reason = token.header.reason;
	if (token.reason.empty())
		token.reason = check_members(*token.header.members, settings);
	return token;
}

bool is_header_name(std::string_view name) noexcept {
	return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
	});
}

/// The lines of the signed headers, in their order and with the names as they are written there.
struct HeaderLines {
	std::string lines;
	std::string_view time;
	std::string_view reason;
};

HeaderLines header_lines(std::string_view list, const Headers &headers) {
	HeaderLines result;
	std::size_t count = 0;
	while (!list.empty()) {
		const std::size_t comma = list.find(',');
		const std::string_view name = list.substr(0, comma);
		list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
		if (!is_header_name(name) || ++count > kMaxSignedHeaders)
			return {{}, {}, reason::token_malformed};
		const Headers::Found found = headers.one(name);
		if (!found)
			return {{}, {}, found.reason};
		result.lines.append(name).append(": ").append(found.value).append("\n");
		if (text::iequals_ascii(name, kTimeHeader))
			result.time = found.value;
	}
	// One that came empty is as good as none.
	if (result.time.empty())
		result.reason = reason::header_not_signed;
	return result;
}

/// Receivers are configured with and without a slash at the end, and the provider means either.
std::string with_other_end(std::string path) {
	if (path.ends_with('/'))
		path.pop_back();
	else
		path.push_back('/');
	return path;
}

/// What is signed besides the body, and the signature: all that can be judged without the key.
struct Claims {
	std::string lines;
	std::string path;
	std::string signature;
	Timestamp signed_at;
	std::string_view reason;
};

Claims refused(std::string_view reason) {
	Claims claims;
	claims.reason = reason;
	return claims;
}

Claims read_claims(const Token &token, const Delivery &delivery, const SchemeSettings &settings) {
	HeaderLines headers = header_lines(token.header.members->text("tl_headers"), delivery.headers);
	if (!headers.reason.empty())
		return refused(headers.reason);
	// The query is not covered.
	std::string path(delivery.path.substr(0, delivery.path.find('?')));
	if (!path.starts_with('/'))
		return refused(reason::path_missing);
	std::optional<std::string> signature = crypto::base64url_decode(token.parts.signature);
	if (!signature || signature->size() != 2 * crypto::field_size(kRule.curve))
		return refused(reason::signature_malformed);
	const std::optional<Timestamp> signed_at = time::parse_timestamp(headers.time);
	if (!signed_at)
		return refused(reason::time_malformed);
	const std::chrono::seconds past = tolerance_or(settings.tolerance, kPast);
	const Tolerance tolerance{past, std::min<std::chrono::seconds>(past, kAhead)};
	return {std::move(headers.lines), std::move(path), std::move(*signature), *signed_at,
	        check_time(*signed_at, delivery.received_at, tolerance)};
}

KeyWish TlSignature::wish(const Delivery &delivery, const SchemeSettings &settings) const {
	const Token token = read_token(delivery, settings);
	if (!token.reason.empty())
		return {{}, token.reason};
	return {std::string(token.header.key_id()), {}};
}

std::string_view TlSignature::flaw(const Delivery &delivery, const SchemeSettings &settings) const {
	const Token token = read_token(delivery, settings);
	return token.reason.empty() ? read_claims(token, delivery, settings).reason : token.reason;
}

Verification TlSignature::verify(const Delivery &delivery, const SchemeSettings &settings,
                                 const KeyMaterial &keys) const {
	const Token token = read_token(delivery, settings);
	if (!token.reason.empty())
		return {token.reason};
	const Claims claims = read_claims(token, delivery, settings);
	if (!claims.reason.empty())
		return {claims.reason};
	const FoundKey found = read_jwk(keys.key, kRule, token.header.key_id());
	if (!found.key)
		return {found.reason};
	const auto fits = [&](std::string_view signed_path) {
		std::string payload(delivery.method);
		payload.append(" ").append(signed_path).append("\n").append(claims.lines).append(delivery.body);
		std::string message(token.parts.header);
		message.append(".").append(crypto::base64url_encode(payload));
		return found.key->verify_raw(crypto::Hash::sha512, message, claims.signature);
	};
	if (!fits(claims.path) && !fits(with_other_end(claims.path)))
		return {reason::wrong_signature};
	return {{}, claims.signed_at};
}

} // namespace

const Scheme &tl_signature() noexcept {
	static const TlSignature scheme;
	return scheme;
}

} // namespace ob::webhook

#include "core/pure.hpp"
