#include "webhook/jwk.hpp"

#include <string>

#include "core/error.hpp"
#include "crypto/base64.hpp"
#include "webhook/memo.hpp"
#include "webhook/reasons.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::webhook {
namespace {

/// A set has a handful of keys.
constexpr std::size_t kMaxTextBytes = std::size_t{64} << 10;

/// The key itself, or that of its id in a set; RSA keys of the same set are passed over. Absent if the id is there
/// twice.
json::Node find_key(json::Node root, std::string_view key_id) {
	const json::Node set = root.get("keys");
	if (!set.is_array())
		return root;
	json::Node found;
	for (const json::Node key : set.items()) {
		if (key.text("kid") != key_id || key.text("kty") != "EC")
			continue;
		if (found.exists())
			return {};
		found = key;
	}
	return found;
}

FoundKey refused(std::string_view reason) {
	return {std::nullopt, reason};
}

FoundKey key_of(json::Node jwk, const JwkRule &rule, std::string_view key_id) {
	if (!jwk.is_object() || jwk.text("kid") != key_id)
		return refused(reason::key_mismatch);
	if (jwk.text("kty") != "EC" || jwk.text("crv") != rule.crv || jwk.text("alg") != rule.alg ||
	    ((rule.use_required || jwk.has("use")) && jwk.text("use") != "sig"))
		return refused(reason::key_malformed);
	if (jwk.has("expired_at"))
		return refused(reason::key_expired);
	const std::optional<std::string> x = crypto::base64url_decode(jwk.text("x"));
	const std::optional<std::string> y = crypto::base64url_decode(jwk.text("y"));
	if (!x || !y)
		return refused(reason::key_malformed);
	std::optional<crypto::EcPublicKey> key = crypto::EcPublicKey::from_coordinates(rule.curve, *x, *y);
	if (!key)
		return refused(reason::key_malformed);
	return {std::move(key), {}};
}

FoundKey parse(std::string_view text, const JwkRule &rule, std::string_view key_id) {
	try {
		const json::Document document = json::Document::parse(text);
		return key_of(find_key(document.root(), key_id), rule, key_id);
	} catch (const Error &error) {
		if (error.code() == ErrorCode::internal)
			throw;
		return refused(reason::key_malformed);
	}
}

} // namespace

FoundKey read_jwk(std::string_view text, const JwkRule &rule, std::string_view key_id) {
	if (text.empty())
		return refused(reason::key_missing);
	if (text.size() > kMaxTextBytes)
		return refused(reason::key_malformed);
	thread_local Memo<crypto::EcPublicKey> memo;
	// One text may be asked for several keys, and for another algorithm. None of the first two has a blank.
	std::string question(key_id);
	question.append(1, ' ').append(rule.alg).append(1, ' ').append(text);
	FoundKey result;
	result.key = memo.get(question, [&] {
		FoundKey found = parse(text, rule, key_id);
		result.reason = found.reason;
		return std::move(found.key);
	});
	return result;
}

} // namespace ob::webhook

#include "core/pure.hpp"
