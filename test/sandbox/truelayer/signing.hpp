// Signatures of webhooks: Tl-Signature (a detached JWS of ES512 over method, path, headers and body), and HMAC.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "../ec_key.hpp"
#include "../message.hpp"
#include "../world.hpp"

namespace ob::sandbox::truelayer {

/// What a signature is made of; tests change each part to see it refused.
struct SignedParts {
	std::string method = "POST";
	std::string path;
	HeaderList headers; ///< the signed ones, in order
	std::string body;
	std::string kid; ///< empty: the current key
	std::string algorithm = "ES512";
	std::string version = "2";               ///< empty: left out
	std::optional<std::string> header_names; ///< what tl_headers says instead of the truth
	std::string jku;                         ///< empty: left out
	enum class Form { raw, der, cut, attached, flipped } form = Form::raw;
};

class WebhookKeys {
public:
	/// The value of Tl-Signature. Signs with the current key if `kid` is unknown.
	[[nodiscard]] std::string sign(const SignedParts &parts, World &world);
	/// The key set: the EC keys, and one of RSA that belongs to something else.
	[[nodiscard]] std::string key_set(World &world);
	/// A new key signs from now on. The old one leaves the set, if wanted. Returns the new id.
	std::string rotate(World &world, bool drop_old);
	[[nodiscard]] std::string current(World &world);
	void clear() { keys_.clear(); }

private:
	struct Key {
		std::string kid;
		EcKey pair;
	};
	std::vector<Key> keys_; // the last one signs
};

/// HMAC-SHA256 in lower-case hex; the key is the secret's text as it is.
[[nodiscard]] std::string hmac_hex(const std::string &secret, const std::string &body);

} // namespace ob::sandbox::truelayer
