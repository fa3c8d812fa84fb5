#include "signing.hpp"

#include <algorithm>

namespace ob::sandbox::plaid {

namespace {

std::int64_t unix_seconds(Time time) {
	return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

} // namespace

std::string SigningKeys::rotate(World &world, bool expire_old) {
	if (expire_old && !keys_.empty()) {
		keys_.back().expired = world.clock.now();
	}
	keys_.push_back({world.ids.uuid(), EcKey(kP256), world.clock.now(), std::nullopt});
	return keys_.back().kid;
}

std::string SigningKeys::current(World &world) {
	return keys_.empty() ? rotate(world, false) : keys_.back().kid;
}

std::string SigningKeys::sign(const std::string &body, const Claims &claims, World &world) {
	const std::string kid = claims.kid.empty() ? current(world) : claims.kid;
	const std::string header =
	    ObjectText{}.string("alg", claims.algorithm).string("kid", kid).string("typ", claims.type).end();
	const std::string payload = ObjectText{}
	                                .number("iat", unix_seconds(claims.issued))
	                                .string("request_body_sha256", claims.digest.value_or(hex(sha256(body))))
	                                .end();
	const std::string text = base64_url(header) + "." + base64_url(payload);
	static_cast<void>(current(world)); // makes the first key
	const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const Key &key) { return key.kid == kid; });
	const Key &key = found == keys_.end() ? keys_.back() : *found;
	return text + "." + base64_url(key.pair.sign(text));
}

std::optional<std::string> SigningKeys::public_key(const std::string &kid) const {
	const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const Key &key) { return key.kid == kid; });
	if (found == keys_.end()) {
		return std::nullopt;
	}
	ObjectText out;
	out.string("alg", "ES256").number("created_at", unix_seconds(found->created)).string("crv", "P-256");
	if (found->expired) {
		out.number("expired_at", unix_seconds(*found->expired));
	} else {
		out.null("expired_at");
	}
	out.string("kid", kid).string("kty", "EC").string("use", "sig");
	out.string("x", base64_url(found->pair.x()));
	out.string("y", base64_url(found->pair.y()));
	return out.end();
}

} // namespace ob::sandbox::plaid
