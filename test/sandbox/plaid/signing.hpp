// Keys that webhooks are signed with: JWTs of ES256 over the body's digest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "../ec_key.hpp"
#include "../text.hpp"
#include "../world.hpp"

namespace ob::sandbox::plaid {

class SigningKeys {
public:
	/// What a token claims; tests change it to see it refused.
	struct Claims {
		std::string kid; ///< empty: the current key
		std::string algorithm = "ES256";
		std::string type = "JWT";
		Time issued;
		std::optional<std::string> digest; ///< instead of the body's
	};

	/// The compact JWT for the header Plaid-Verification. Signs with the current key if `kid` is unknown.
	[[nodiscard]] std::string sign(const std::string &body, const Claims &claims, World &world);
	/// The public key as Plaid answers it; nothing if there is none of that id.
	[[nodiscard]] std::optional<std::string> public_key(const std::string &kid) const;
	/// A new key signs from now on. The old one is marked as expired, if wanted. Returns the new id.
	std::string rotate(World &world, bool expire_old);
	void clear() { keys_.clear(); }
	/// Id of the key that signs now.
	[[nodiscard]] std::string current(World &world);

private:
	struct Key {
		std::string kid;
		EcKey pair;
		Time created;
		std::optional<Time> expired;
	};

	std::vector<Key> keys_; // the last one signs
};

} // namespace ob::sandbox::plaid
