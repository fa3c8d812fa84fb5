#include "signing.hpp"

#include <algorithm>

#include <openssl/hmac.h>

#include "../text.hpp"

namespace ob::sandbox::truelayer {

namespace {

std::string payload_of(const SignedParts &parts) {
	std::string out = parts.method + " " + parts.path + "\n";
	for (const auto &[name, value] : parts.headers) {
		out.append(name).append(": ").append(value).append("\n");
	}
	return out + parts.body;
}

std::string names_of(const HeaderList &headers) {
	std::string out;
	for (const auto &[name, value] : headers) {
		out.append(out.empty() ? "" : ",").append(name);
	}
	return out;
}

} // namespace

std::string WebhookKeys::rotate(World &world, bool drop_old) {
	if (drop_old) {
		keys_.clear();
	}
	keys_.push_back({world.ids.uuid(), EcKey(kP521)});
	return keys_.back().kid;
}

std::string WebhookKeys::current(World &world) {
	return keys_.empty() ? rotate(world, false) : keys_.back().kid;
}

std::string WebhookKeys::sign(const SignedParts &parts, World &world) {
	const std::string kid = parts.kid.empty() ? current(world) : parts.kid;
	static_cast<void>(current(world)); // makes the first key
	const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const Key &key) { return key.kid == kid; });
	const Key &key = found == keys_.end() ? keys_.back() : *found;
	ObjectText header;
	header.string("alg", parts.algorithm).string("kid", kid);
	if (!parts.version.empty()) {
		header.string("tl_version", parts.version);
	}
	header.string("tl_headers", parts.header_names.value_or(names_of(parts.headers)));
	if (!parts.jku.empty()) {
		header.string("jku", parts.jku);
	}
	const std::string first = base64_url(header.end());
	const std::string payload = base64_url(payload_of(parts));
	const std::string input = first + "." + payload;
	std::string signature = parts.form == SignedParts::Form::der ? key.pair.sign_der(input) : key.pair.sign(input);
	if (parts.form == SignedParts::Form::cut) {
		signature.pop_back();
	} else if (parts.form == SignedParts::Form::flipped) {
		signature[signature.size() / 2] = static_cast<char>(~signature[signature.size() / 2]);
	}
	const bool attached = parts.form == SignedParts::Form::attached;
	return first + "." + (attached ? payload : "") + "." + base64_url(signature);
}

std::string WebhookKeys::key_set(World &world) {
	static_cast<void>(current(world));
	// Nobody signs with it: it only has to be passed over.
	const std::string modulus = "\xC1" + sha256("modulus") + sha256("of another key") + "\x01";
	std::vector<std::string> keys = {ObjectText{}
	                                     .string("kty", "RSA")
	                                     .string("alg", "RS512")
	                                     .string("kid", "payments-" + keys_.front().kid)
	                                     .string("n", base64_url(modulus))
	                                     .string("e", "AQAB")
	                                     .end()};
	for (const Key &key : keys_) {
		// As in life, leading zero bytes are left out.
		keys.push_back(ObjectText{}
		                   .string("kty", "EC")
		                   .string("alg", "ES512")
		                   .string("kid", key.kid)
		                   .string("crv", "P-521")
		                   .string("x", base64_url(key.pair.x(false)))
		                   .string("y", base64_url(key.pair.y(false)))
		                   .end());
	}
	return ObjectText{}.raw("keys", json_array(keys)).end();
}

std::string hmac_hex(const std::string &secret, const std::string &body) {
	std::string out(EVP_MAX_MD_SIZE, '\0');
	unsigned size = 0;
	HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
	     reinterpret_cast<const unsigned char *>(body.data()), body.size(),
	     reinterpret_cast<unsigned char *>(out.data()), &size);
	out.resize(size);
	return hex(out);
}

} // namespace ob::sandbox::truelayer
