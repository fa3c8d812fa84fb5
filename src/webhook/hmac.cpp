// An HMAC of the body in a header, with a secret that provider and receiver share. No time is covered: whether a
// delivery is a repetition shows in the body's own id or in its digest. C++ regime.
#include "core/text.hpp"
#include "crypto/base64.hpp"
#include "crypto/digest.hpp"
#include "webhook/reasons.hpp"
#include "webhook/schemes.hpp"

#include "core/pure.hpp"

namespace ob::webhook {
namespace {

struct Kind {
	std::string_view name;
	std::string_view header;
	std::string_view label; ///< that may stand in front of the value
	crypto::Hash hash;
	std::size_t size;
};

class Hmac final : public Scheme {
public:
	explicit Hmac(const Kind &kind) : kind_(kind) {}

	std::string_view name() const noexcept override { return kind_.name; }
	KeySource key_source() const noexcept override { return KeySource::secrets; }
	KeyWish wish(const Delivery &delivery, const SchemeSettings &settings) const override;
	Verification verify(const Delivery &delivery, const SchemeSettings &settings,
	                    const KeyMaterial &keys) const override;

private:
	struct Mac {
		std::string bytes;
		std::string_view reason;
	};
	Mac read_mac(const Delivery &delivery, const SchemeSettings &settings) const;

	Kind kind_;
};

Hmac::Mac Hmac::read_mac(const Delivery &delivery, const SchemeSettings &settings) const {
	const Headers::Found found = delivery.headers.one(settings.header.empty() ? kind_.header : settings.header);
	if (!found)
		return {{}, found.reason};
	std::string_view value = found.value;
	if (text::iequals_ascii(value.substr(0, kind_.label.size()), kind_.label))
		value = text::trim(value.substr(kind_.label.size()));
	std::optional<std::string> bytes =
	    settings.mac_text == MacText::hex ? crypto::unhex(value) : crypto::base64_decode(value);
	if (!bytes || bytes->size() != kind_.size)
		return {{}, reason::signature_malformed};
	return {std::move(*bytes), {}};
}

KeyWish Hmac::wish(const Delivery &delivery, const SchemeSettings &settings) const {
	return {{}, read_mac(delivery, settings).reason};
}

Verification Hmac::verify(const Delivery &delivery, const SchemeSettings &settings, const KeyMaterial &keys) const {
	const Mac mac = read_mac(delivery, settings);
	if (!mac.reason.empty())
		return {mac.reason};
	std::string_view reason = reason::key_missing;
	for (const Secret &secret : keys.secrets) {
		// Anybody can sign with an empty one.
		if (secret.empty())
			continue;
		if (crypto::equal_constant_time(crypto::hmac(kind_.hash, secret.reveal(), delivery.body), mac.bytes))
			return {};
		reason = reason::wrong_signature;
	}
	return {reason};
}

} // namespace

const Scheme &hmac_sha256() noexcept {
	static const Hmac scheme({"hmac_sha256", "X-Finicity-Signature", "", crypto::Hash::sha256, 32});
	return scheme;
}

const Scheme &hmac_sha512() noexcept {
	static const Hmac scheme({"hmac_sha512", "Lean-Signature", "sha512=", crypto::Hash::sha512, 64});
	return scheme;
}

} // namespace ob::webhook

#include "core/pure.hpp"
