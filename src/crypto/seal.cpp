#include "crypto/seal.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "crypto/base64.hpp"
#include "crypto/openssl.hpp"
#include "crypto/random.hpp"

#include "core/pure.hpp"

namespace ob::crypto {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kMaxIdSize = 32;
constexpr std::string_view kTextPrefix = "obsealed:";
constexpr std::string_view kTextHead = "obsealed:v1:";

unsigned char *bytes_of(char *p) {
	return reinterpret_cast<unsigned char *>(p);
}

/// Sealed bytes, taken apart. Views into them.
struct Sealed {
	std::string_view head; // version, length, key id: authenticated, not secret
	std::string_view key_id;
	std::string_view nonce;
	std::string_view text;
	std::string_view tag;
};

std::optional<Sealed> take_apart(std::string_view sealed) {
	if (sealed.size() < 2 || sealed[0] != kVersion)
		return std::nullopt;
	const auto id_size = static_cast<std::size_t>(static_cast<unsigned char>(sealed[1]));
	if (sealed.size() < 2 + id_size + kNonceSize + kTagSize)
		return std::nullopt;
	Sealed parts;
	parts.head = sealed.substr(0, 2 + id_size);
	parts.key_id = parts.head.substr(2);
	if (!is_key_id(parts.key_id))
		return std::nullopt;
	parts.nonce = sealed.substr(parts.head.size(), kNonceSize);
	sealed.remove_prefix(parts.head.size() + kNonceSize);
	parts.text = sealed.substr(0, sealed.size() - kTagSize);
	parts.tag = sealed.substr(parts.text.size());
	return parts;
}

/// OpenSSL counts bytes in int; secrets are far from it.
int checked_size(std::size_t size) {
	require(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "sealing: too large");
	return static_cast<int>(size);
}

/// Whether all went well. The head is authenticated before the caller's data; it names its own length, so no other
/// split of the two gives the same bytes.
bool add_associated(EVP_CIPHER_CTX *context, std::string_view head, std::string_view associated_data) {
	int size = 0;
	for (std::string_view part : {head, associated_data})
		if (!part.empty() &&
		    EVP_CipherUpdate(context, nullptr, &size, crypto::bytes_of(part), checked_size(part.size())) != 1)
			return false;
	return true;
}

} // namespace

bool is_key_id(std::string_view id) noexcept {
	return !id.empty() && id.size() <= kMaxIdSize && std::all_of(id.begin(), id.end(), [](char c) {
		return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
	});
}

KeyRing KeyRing::parse(std::string_view rest, std::string_view source) {
	KeyRing ring;
	for (std::size_t number = 1; !rest.empty(); ++number) {
		const std::size_t end = std::min(rest.find('\n'), rest.size());
		const std::string_view line = text::trim(rest.substr(0, end));
		rest.remove_prefix(std::min(end + 1, rest.size()));
		if (line.empty() || line.starts_with('#'))
			continue;
		const auto refuse = [number, source](const char *why) {
			throw Error(ErrorCode::not_configured, "the " + std::string(source) + " is not valid",
			            "line " + std::to_string(number) + ": " + why,
			            "Each line is a key as id:base64 of 32 bytes, such as: openssl rand -base64 32");
		};
		const std::size_t colon = line.find(':');
		const std::string_view id = colon == std::string_view::npos ? "1" : text::trim(line.substr(0, colon));
		if (!is_key_id(id))
			refuse("the key id is not 1 to 32 letters, digits, _ or -");
		if (ring.find(id))
			refuse("the key id occurs twice");
		std::optional<Secret> bytes = base64_decode_secret(text::trim(line.substr(colon + 1)));
		if (!bytes)
			refuse("the key is not base64");
		if (bytes->reveal().size() != kKeySize)
			refuse("the key has not 32 bytes");
		ring.keys_.push_back({std::string(id), std::move(*bytes)});
	}
	if (ring.keys_.empty())
		throw Error(ErrorCode::not_configured, "the " + std::string(source) + " holds no key", {},
		            "Make a key with: openssl rand -base64 32");
	return ring;
}

const Key *KeyRing::find(std::string_view id) const noexcept {
	const auto it = std::find_if(keys_.begin(), keys_.end(), [id](const Key &key) { return key.id == id; });
	return it == keys_.end() ? nullptr : &*it;
}

std::string associated(std::span<const std::string_view> parts) {
	std::string out;
	for (std::string_view part : parts) {
		for (int shift = 56; shift >= 0; shift -= 8)
			out += static_cast<char>(static_cast<std::uint64_t>(part.size()) >> shift);
		out += part;
	}
	return out;
}

std::string seal(const KeyRing &ring, std::string_view plain, std::string_view associated_data) {
	const Key &key = ring.current();
	const std::string head = sealed_head(key.id);
	const std::size_t nonce_at = head.size();
	const std::size_t text_at = nonce_at + kNonceSize;
	std::string out = head;
	out.resize(text_at + plain.size() + kTagSize);
	random_fill(out.data() + nonce_at, kNonceSize);

	const ErrorQueue queue;
	const CipherContext context(EVP_CIPHER_CTX_new());
	require(context && EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(), crypto::bytes_of(key.bytes.reveal()),
	                                       bytes_of(out.data() + nonce_at), nullptr) == 1,
	        "sealing");
	require(add_associated(context.get(), head, associated_data), "sealing");
	int size = 0;
	if (!plain.empty())
		require(EVP_EncryptUpdate(context.get(), bytes_of(out.data() + text_at), &size, crypto::bytes_of(plain),
		                          checked_size(plain.size())) == 1,
		        "sealing");
	char *const tag = out.data() + text_at + plain.size();
	// GCM writes nothing at the end; the tag's place is only an address.
	require(EVP_EncryptFinal_ex(context.get(), bytes_of(tag), &size) == 1 &&
	            EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) == 1,
	        "sealing");
	return out;
}

Secret unseal(const KeyRing &ring, std::string_view sealed, std::string_view associated_data, std::string_view what) {
	const std::string message = "could not unseal the " + std::string(what);
	const std::optional<Sealed> parts = take_apart(sealed);
	if (!parts)
		throw Error(ErrorCode::unseal_failed, message,
		            "it is not in the sealed form: damaged, or stored by other means");
	const Key *key = ring.find(parts->key_id);
	if (!key)
		throw Error(ErrorCode::unseal_failed, message, "it is sealed with key \"" + std::string(parts->key_id) + "\"",
		            "Put that key back into the key ring; it need not be the first.");

	const ErrorQueue queue;
	const CipherContext context(EVP_CIPHER_CTX_new());
	require(context && EVP_DecryptInit_ex2(context.get(), EVP_aes_256_gcm(), crypto::bytes_of(key->bytes.reveal()),
	                                       crypto::bytes_of(parts->nonce), nullptr) == 1,
	        "unsealing");
	require(add_associated(context.get(), parts->head, associated_data), "unsealing");
	WipedString plain(parts->text.size(), '\0');
	int size = 0;
	if (!plain.empty())
		require(EVP_DecryptUpdate(context.get(), bytes_of(plain.data()), &size, crypto::bytes_of(parts->text),
		                          checked_size(parts->text.size())) == 1,
		        "unsealing");
	std::string tag(parts->tag); // OpenSSL takes it as mutable
	unsigned char nothing = 0;
	require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1, "unsealing");
	if (EVP_DecryptFinal_ex(context.get(), &nothing, &size) != 1)
		throw Error(ErrorCode::unseal_failed, message,
		            "it does not open with key \"" + key->id +
		                "\": damaged, moved to another place, or another key of that id");
	return Secret(std::move(plain));
}

std::string sealed_head(std::string_view key_id) {
	std::string head{kVersion, static_cast<char>(key_id.size())};
	return head.append(key_id);
}

std::optional<std::string> sealed_key_id(std::string_view sealed) {
	const std::optional<Sealed> parts = take_apart(sealed);
	if (!parts)
		return std::nullopt;
	return std::string(parts->key_id);
}

std::string to_text(std::string_view sealed) {
	return std::string(kTextHead) + base64url_encode(sealed);
}

std::optional<std::string> from_text(std::string_view text) {
	if (!text.starts_with(kTextHead))
		return std::nullopt;
	std::optional<std::string> sealed = base64url_decode(text.substr(kTextHead.size()));
	if (!sealed || !take_apart(*sealed))
		return std::nullopt;
	return sealed;
}

bool is_sealed_text(std::string_view text) noexcept {
	return text.starts_with(kTextPrefix);
}

} // namespace ob::crypto

#include "core/pure.hpp"
