// ECDSA over body and time, with public keys that the provider's dashboard shows. Signature, time and algorithm are
// headers of their own: NAME, NAME-Timestamp, NAME-Algorithm. What exactly is signed no official text says, so the
// layout is the server's option; the encoding is seen from the signature. C++ regime.
#include <algorithm>
#include <vector>

#include "core/text.hpp"
#include "core/time.hpp"
#include "crypto/base64.hpp"
#include "crypto/ecdsa.hpp"
#include "webhook/freshness.hpp"
#include "webhook/memo.hpp"
#include "webhook/reasons.hpp"
#include "webhook/schemes.hpp"

#include "core/pure.hpp"

namespace ob::webhook {
namespace {

constexpr std::string_view kHeader = "X-Mastercard-Signature";
constexpr std::string_view kAlgorithm = "SHA256withECDSA";
constexpr std::chrono::seconds kTolerance(300);
constexpr std::size_t kMaxKeysBytes = std::size_t{64} << 10;

class EcdsaSha256 final : public Scheme {
public:
	std::string_view name() const noexcept override { return "ecdsa_sha256"; }
	KeySource key_source() const noexcept override { return KeySource::public_keys; }
	KeyWish wish(const Delivery &delivery, const SchemeSettings &settings) const override;
	Verification verify(const Delivery &delivery, const SchemeSettings &settings,
	                    const KeyMaterial &keys) const override;
};

/// All digits hexadecimal: hexadecimal. Else base64 of either alphabet, padded or not.
std::optional<std::string> decode_signature(std::string_view text) {
	if (std::optional<std::string> bytes = crypto::unhex(text))
		return bytes;
	std::string url(text);
	std::replace(url.begin(), url.end(), '+', '-');
	std::replace(url.begin(), url.end(), '/', '_');
	if (url.size() % 4 == 0)
		url.resize(url.find_last_not_of('=', url.size() - 1) + 1);
	return crypto::base64url_decode(url);
}

/// Seconds or milliseconds since 1970, or ISO 8601.
std::optional<Timestamp> parse_time(std::string_view text) {
	constexpr std::size_t kMostDigits = 15;
	constexpr std::int64_t kLeastMilliseconds = 1'000'000'000'000;
	if (text.empty() || text.size() > kMostDigits || text.find_first_not_of("0123456789") != text.npos)
		return time::parse_timestamp(text);
	const std::int64_t number = std::stoll(std::string(text));
	if (number < kLeastMilliseconds)
		return from_unix_seconds(number);
	return Timestamp(std::chrono::milliseconds(number));
}

struct Signed {
	std::string signature;
	std::string_view time;
	Timestamp signed_at;
	std::string_view reason;
};

Signed read_headers(const Delivery &delivery, const SchemeSettings &settings) {
	const auto refused = [](std::string_view reason) { return Signed{{}, {}, {}, reason}; };
	const std::string name(settings.header.empty() ? kHeader : settings.header);
	const Headers::Found signature = delivery.headers.one(name);
	if (!signature)
		return refused(signature.reason);
	const Headers::Found time = delivery.headers.one(name + "-Timestamp");
	if (!time)
		return refused(time.reason);
	const Headers::Found algorithm = delivery.headers.one(name + "-Algorithm");
	if (!algorithm && algorithm.reason != reason::header_missing)
		return refused(algorithm.reason);
	if (algorithm && !text::iequals_ascii(algorithm.value, kAlgorithm))
		return refused(reason::wrong_algorithm);
	std::optional<std::string> bytes = decode_signature(signature.value);
	if (!bytes || bytes->empty())
		return refused(reason::signature_malformed);
	const std::optional<Timestamp> signed_at = parse_time(time.value);
	if (!signed_at)
		return refused(reason::time_malformed);
	return {std::move(*bytes), time.value, *signed_at, {}};
}

std::string signed_bytes(SignedLayout layout, std::string_view body, std::string_view time) {
	std::string bytes;
	bytes.reserve(body.size() + 1 + time.size());
	switch (layout) {
	case SignedLayout::body_dot_time:
		return bytes.append(body).append(".").append(time);
	case SignedLayout::time_dot_body:
		return bytes.append(time).append(".").append(body);
	case SignedLayout::body_time:
		return bytes.append(body).append(time);
	case SignedLayout::time_body:
		return bytes.append(time).append(body);
	case SignedLayout::body:
		return bytes.append(body);
	}
	return bytes;
}

std::optional<std::vector<crypto::EcPublicKey>> read_keys(std::string_view pem) {
	if (pem.size() > kMaxKeysBytes)
		return std::nullopt;
	thread_local Memo<std::vector<crypto::EcPublicKey>> memo;
	return memo.get(pem, [&]() -> std::optional<std::vector<crypto::EcPublicKey>> {
		std::vector<crypto::EcPublicKey> keys = crypto::EcPublicKey::from_pem(pem);
		if (keys.empty())
			return std::nullopt;
		return keys;
	});
}

/// Of exactly twice the field's size it is r and s: DER of that very length does not occur by chance.
bool fits(const crypto::EcPublicKey &key, std::string_view message, std::string_view signature) {
	return signature.size() == 2 * crypto::field_size(key.curve())
	           ? key.verify_raw(crypto::Hash::sha256, message, signature)
	           : key.verify_der(crypto::Hash::sha256, message, signature);
}

KeyWish EcdsaSha256::wish(const Delivery &delivery, const SchemeSettings &settings) const {
	return {{}, read_headers(delivery, settings).reason};
}

Verification EcdsaSha256::verify(const Delivery &delivery, const SchemeSettings &settings,
                                 const KeyMaterial &keys) const {
	const Signed sent = read_headers(delivery, settings);
	if (!sent.reason.empty())
		return {sent.reason};
	if (keys.key.empty())
		return {reason::key_missing};
	const std::optional<std::vector<crypto::EcPublicKey>> known = read_keys(keys.key);
	if (!known)
		return {reason::key_malformed};
	const std::string message = signed_bytes(settings.layout, delivery.body, sent.time);
	if (std::none_of(known->begin(), known->end(),
	                 [&](const crypto::EcPublicKey &key) { return fits(key, message, sent.signature); }))
		return {reason::wrong_signature};
	const std::chrono::seconds tolerance = tolerance_or(settings.tolerance, kTolerance);
	return {check_time(sent.signed_at, delivery.received_at, {tolerance, tolerance})};
}

} // namespace

const Scheme &ecdsa_sha256() noexcept {
	static const EcdsaSha256 scheme;
	return scheme;
}

} // namespace ob::webhook

#include "core/pure.hpp"
