// What a way of signing webhooks is: from bytes, keys and time to a verdict. No scheme reads a clock, a table or the
// network, and the message chooses neither the scheme nor the algorithm. C++ regime.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/secret.hpp"
#include "webhook/headers.hpp"

#include "core/pure.hpp"

namespace ob::webhook {

/// One delivery as the receiver got it.
struct Delivery {
	std::string_view method; ///< upper case
	std::string_view path;   ///< of the receiver's URL, with a leading slash; empty where it was not told
	const Headers &headers;
	std::string_view body; ///< the bytes on the wire
	Timestamp received_at;
};

/// How an HMAC is written.
enum class MacText { hex, base64 };

/// What ecdsa_sha256 signs. With `body` the time is not covered, and a captured delivery can be sent again for ever.
enum class SignedLayout { body_dot_time, time_dot_body, body_time, time_body, body };

/// What the server's options and its provider fix.
struct SchemeSettings {
	std::chrono::seconds tolerance{}; ///< how old, and how far ahead, a signed time may be; zero: the scheme's own
	std::string header;               ///< that has the signature; empty: the scheme's own
	std::string jku;                  ///< the only key set a message may name (tl_signature)
	MacText mac_text = MacText::hex;
	SignedLayout layout = SignedLayout::body_dot_time;
};

/// Where keys come from.
enum class KeySource {
	provider,    ///< by their ids
	secrets,     ///< the user mapping's webhook_secret, every one that is valid now
	public_keys, ///< the user mapping's webhook_public_key
};

/// What a delivery says of the key it wants to be checked with. Nothing of it is trusted: it only finds the key.
struct KeyWish {
	std::string key_id;      ///< with KeySource::provider: 1 to 128 visible ASCII characters
	std::string_view reason; ///< why the delivery is refused without looking for a key; empty if it is not
};

/// What there is to check with.
struct KeyMaterial {
	/// The JWK as the provider gave it, or a JWK set that has it; the public keys as one PEM text. Reading one takes
	/// its time: the last ones are remembered by their text.
	std::string_view key;
	std::span<const Secret> secrets;
};

/// `reason` is a word of webhook/reasons.hpp, empty if the delivery is what it claims to be.
struct Verification {
	std::string_view reason;
	/// When it was signed, where the signature covers that: tells a repetition of the same delivery from the same news
	/// once more. Only of a verified one.
	std::optional<Timestamp> signed_at = {};

	bool verified() const noexcept { return reason.empty(); }
};

class Scheme {
public:
	virtual ~Scheme() = default;

	/// As the server option webhook_scheme names it.
	virtual std::string_view name() const noexcept = 0;
	virtual KeySource key_source() const noexcept = 0;
	/// Looks at the headers only, to know which key to look for. Never throws for what a stranger sent.
	virtual KeyWish wish(const Delivery &delivery, const SchemeSettings &settings) const = 0;
	/// Why the delivery is refused whatever the key: what it claims of itself is not so. Empty if that is to be seen
	/// with the key only. Never throws for what a stranger sent.
	virtual std::string_view flaw(const Delivery & /*delivery*/, const SchemeSettings & /*settings*/) const {
		return {};
	}
	/// Never throws for what a stranger sent.
	virtual Verification verify(const Delivery &delivery, const SchemeSettings &settings,
	                            const KeyMaterial &keys) const = 0;
};

/// The scheme of that name, or null.
const Scheme *find_scheme(std::string_view name) noexcept;

} // namespace ob::webhook

#include "core/pure.hpp"
