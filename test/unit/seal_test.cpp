// Sealing: what was sealed opens in its place and nowhere else.
#include "crypto/seal.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "core/error.hpp"
#include "crypto/base64.hpp"
#include "crypto/openssl.hpp"

namespace ob::crypto {
namespace {

std::string key_line(std::string_view id, char fill) {
	return std::string(id) + ":" + base64_encode(std::string(32, fill)) + "\n";
}

KeyRing one_key() {
	return KeyRing::parse(key_line("k1", 'a'));
}

struct Failure {
	ErrorCode code;
	std::string message, detail, hint;
	std::string all() const { return message + "|" + detail + "|" + hint; }
};

std::optional<Failure> unseal_failure(const KeyRing &ring, std::string_view sealed, std::string_view data = "place") {
	try {
		static_cast<void>(unseal(ring, sealed, data, "access token of connection 42"));
	} catch (const Error &error) {
		return Failure{error.code(), error.message(), error.detail(), error.hint()};
	}
	return std::nullopt;
}

std::optional<Failure> ring_failure(std::string_view text) {
	try {
		static_cast<void>(KeyRing::parse(text));
	} catch (const Error &error) {
		return Failure{error.code(), error.message(), error.detail(), error.hint()};
	}
	return std::nullopt;
}

// ---- key files ----

TEST(KeyRing, ReadsItsFile) {
	const std::string text = "# keys of the bank database\r\n\n  " + key_line("new_key-2", 'b') + key_line("old", 'a') +
	                         "\t" + base64_encode(std::string(32, 'c')) + "\r\n# end";
	const KeyRing ring = KeyRing::parse(text);
	ASSERT_EQ(ring.keys().size(), 3u);
	EXPECT_EQ(ring.current().id, "new_key-2");
	EXPECT_EQ(ring.current().bytes.reveal(), std::string(32, 'b'));
	ASSERT_NE(ring.find("old"), nullptr);
	EXPECT_EQ(ring.find("old")->bytes.reveal(), std::string(32, 'a'));
	ASSERT_NE(ring.find("1"), nullptr);
	EXPECT_EQ(ring.find("1")->bytes.reveal(), std::string(32, 'c'));
	EXPECT_EQ(ring.find("2"), nullptr);
	EXPECT_EQ(ring.find(""), nullptr);
}

TEST(KeyRing, RefusesByLineWithoutContent) {
	const std::string good = base64_encode(std::string(32, 'Z'));
	const std::pair<std::string, std::string> cases[] = {
	    {"", ""},
	    {"# only a comment\n\n", ""},
	    {"a:" + good + "\na:" + good, "line 2: "},
	    {good + "\n1:" + good, "line 2: "},
	    {"a:" + good + "\n\n# c\nb:" + good.substr(1), "line 4: "},
	    {"a:" + base64_encode(std::string(31, 'Z')), "line 1: "},
	    {"a:" + base64_encode(std::string(33, 'Z')), "line 1: "},
	    {"a:" + good.substr(0, 43), "line 1: "},
	    {"a b:" + good, "line 1: "},
	    {":" + good, "line 1: "},
	    {std::string(33, 'i') + ":" + good, "line 1: "},
	    {"a:b:" + good, "line 1: "},
	    {"a:", "line 1: "},
	    {"a:" + good + " # comment", "line 1: "},
	    {"WlpaWlpa", "line 1: "},
	};
	for (const auto &[text, line] : cases) {
		const auto failure = ring_failure(text);
		ASSERT_TRUE(failure.has_value()) << text;
		EXPECT_EQ(failure->code, ErrorCode::not_configured);
		EXPECT_TRUE(failure->detail.starts_with(line)) << failure->all();
		EXPECT_EQ(failure->all().find("WlpaWlpa"), std::string::npos) << failure->all();
	}
	EXPECT_FALSE(ring_failure(std::string(32, 'i') + ":" + good));
}

// ---- sealing ----

TEST(Seal, OpensAgain) {
	const KeyRing ring = one_key();
	for (const std::string &plain : {std::string("access-sandbox-1"), std::string(), std::string("a"),
	                                 std::string("nul\0inside", 10), std::string(1'000'000, 'm')}) {
		for (std::string_view data : {"", "place"}) {
			const std::string sealed = seal(ring, plain, data);
			EXPECT_EQ(sealed.size(), 2 + 2 + 12 + plain.size() + 16);
			if (plain.size() > 5) {
				EXPECT_EQ(sealed.find(plain), std::string::npos);
			}
			EXPECT_EQ(unseal(ring, sealed, data, "it").reveal(), plain);
			EXPECT_EQ(sealed_key_id(sealed), "k1");
		}
	}
}

TEST(Seal, OpensWhatAnotherImplementationSealed) {
	// Made with Python's cryptography (AESGCM), nonce 100..111: fixes the format for ever.
	const KeyRing ring = KeyRing::parse("k-2024:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
	const auto sealed = from_text("obsealed:v1:AQZrLTIwMjRkZWZnaGlqa2xtbm8peL0DCpp77V8MO4q1HUfFI6A_Pb0JxV-"
	                              "R5c4r1pfHe6zEefgqJbYzzsIdCJxx_vYibKj1v5ytqb2RqqSfeEs7vLbt");
	ASSERT_TRUE(sealed.has_value());
	EXPECT_EQ(unseal(ring, *sealed, associated({"connections", "access_token", "42"}), "it").reveal(),
	          "access-sandbox-8ab976e6-64bc-4b38-98f7-731e7a349970");
}

TEST(Seal, NeverTheSameTwice) {
	const KeyRing ring = one_key();
	std::set<std::string> seen;
	for (int i = 0; i < 1000; ++i)
		EXPECT_TRUE(seen.insert(seal(ring, "same", "place").substr(4, 12)).second);
}

TEST(Seal, OpensOnlyInItsPlace) {
	const KeyRing ring = one_key();
	const std::string sealed = seal(ring, "secret", associated({"tokens", "value", "1"}));
	EXPECT_TRUE(unseal_failure(ring, sealed, associated({"tokens", "value", "2"})));
	EXPECT_TRUE(unseal_failure(ring, sealed, associated({"tokens", "value1", ""})));
	EXPECT_TRUE(unseal_failure(ring, sealed, associated({"tokens", "value"})));
	EXPECT_TRUE(unseal_failure(ring, sealed, ""));
	EXPECT_FALSE(unseal_failure(ring, sealed, associated({"tokens", "value", "1"})));
}

TEST(Seal, AssociatedPartsCannotBeShifted) {
	EXPECT_NE(associated({"a", "bc"}), associated({"ab", "c"}));
	EXPECT_NE(associated({"a", ""}), associated({"a"}));
	EXPECT_NE(associated({"", "a"}), associated({"a", ""}));
	EXPECT_NE(associated({}), associated({""}));
	EXPECT_NE(associated({"a", "b"}), associated({associated({"a", "b"})}));
}

TEST(Seal, OldKeysStillOpen) {
	const std::string sealed = seal(KeyRing::parse(key_line("old", 'a')), "secret", "place");
	const KeyRing rotated = KeyRing::parse(key_line("new", 'b') + key_line("old", 'a'));
	EXPECT_EQ(unseal(rotated, sealed, "place", "it").reveal(), "secret");
	EXPECT_EQ(sealed_key_id(seal(rotated, "secret", "place")), "new");
}

TEST(Seal, AMissingKeyIsNamed) {
	const std::string sealed = seal(KeyRing::parse(key_line("lost-2023", 'a')), "secret", "place");
	const auto failure = unseal_failure(one_key(), sealed);
	ASSERT_TRUE(failure.has_value());
	EXPECT_EQ(failure->code, ErrorCode::unseal_failed);
	EXPECT_EQ(failure->message, "could not unseal the access token of connection 42");
	EXPECT_NE(failure->detail.find("\"lost-2023\""), std::string::npos);
	EXPECT_FALSE(failure->hint.empty());
}

TEST(Seal, AnotherKeyOfTheSameIdDoesNotOpen) {
	const std::string sealed = seal(KeyRing::parse(key_line("k1", 'b')), "secret", "place");
	const auto failure = unseal_failure(one_key(), sealed);
	ASSERT_TRUE(failure.has_value());
	EXPECT_EQ(failure->code, ErrorCode::unseal_failed);
	EXPECT_NE(failure->message.find("connection 42"), std::string::npos);
}

TEST(Seal, TheKeyIdIsAuthenticated) {
	// Two ids with one key: without authentication the ids could be exchanged.
	const KeyRing ring = KeyRing::parse(key_line("k1", 'a') + key_line("k2", 'a'));
	std::string sealed = seal(ring, "secret", "place");
	ASSERT_EQ(sealed.substr(2, 2), "k1");
	sealed[3] = '2';
	EXPECT_TRUE(unseal_failure(ring, sealed));
	// Nor may bytes move between the head and the caller's data.
	EXPECT_TRUE(unseal_failure(ring, seal(ring, "secret", "place"), "1place"));
}

TEST(Seal, NothingDamagedOpens) {
	const KeyRing ring = KeyRing::parse(key_line("k1", 'a') + key_line("k2", 'b'));
	const std::string sealed = seal(ring, "access-sandbox-8ab976e6-64bc-4b38", "place");
	const std::string other = seal(ring, "access-sandbox-00000000-0000-0000", "place");
	ASSERT_EQ(sealed.size(), other.size());
	const auto opens = [&](std::string_view bytes) {
		const auto failure = unseal_failure(ring, bytes);
		if (failure) {
			EXPECT_EQ(failure->code, ErrorCode::unseal_failed);
		}
		return !failure;
	};
	ASSERT_TRUE(opens(sealed));

	// Every bit, every truncation, every splice of two sealed values.
	for (std::size_t i = 0; i < sealed.size() * 8; ++i) {
		std::string damaged = sealed;
		damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
		EXPECT_FALSE(opens(damaged)) << "bit " << i;
	}
	for (std::size_t size = 0; size < sealed.size(); ++size) {
		EXPECT_FALSE(opens(sealed.substr(0, size)));
		EXPECT_FALSE(opens(sealed.substr(sealed.size() - size)));
		EXPECT_FALSE(opens(sealed.substr(0, size) + other.substr(size)) && size > 4);
	}
	EXPECT_FALSE(opens(sealed + "x"));

	std::mt19937 random(42);
	for (int i = 0; i < 100'000; ++i) {
		std::string damaged = sealed;
		switch (random() % 4) {
		case 0:
			for (auto n = random() % 4 + 1; n > 0; --n)
				damaged[random() % damaged.size()] = static_cast<char>(random());
			break;
		case 1:
			damaged.erase(random() % damaged.size(), random() % 8 + 1);
			break;
		case 2:
			std::swap(damaged[random() % damaged.size()], damaged[random() % damaged.size()]);
			break;
		default:
			damaged.insert(random() % damaged.size(), 1, static_cast<char>(random()));
		}
		if (damaged != sealed) {
			ASSERT_FALSE(opens(damaged));
		}
	}
}

TEST(Seal, LeavesNoErrorInTheQueue) {
	// The server's TLS would take it for its own.
	const KeyRing ring = one_key();
	std::string sealed = seal(ring, "secret", "place");
	EXPECT_EQ(ERR_peek_error(), 0u);
	sealed.back() = static_cast<char>(sealed.back() ^ 1);
	ERR_raise(ERR_LIB_USER, 1); // somebody else's, left behind
	EXPECT_TRUE(unseal_failure(ring, sealed));
	EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(ErrorQueue, IsEmptyBeforeAndAfter) {
	ERR_raise(ERR_LIB_USER, 1);
	{
		const ErrorQueue queue;
		EXPECT_EQ(ERR_peek_error(), 0u);
		ERR_raise(ERR_LIB_USER, 1);
	}
	EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(Seal, TellsWhetherBytesAreSealed) {
	const std::string sealed = seal(one_key(), "", "");
	EXPECT_EQ(sealed_key_id(sealed), "k1");
	EXPECT_EQ(sealed_key_id(sealed.substr(0, sealed.size() - 1)), std::nullopt);
	EXPECT_EQ(sealed_key_id(""), std::nullopt);
	EXPECT_EQ(sealed_key_id("plain text that is long enough to be anything"), std::nullopt);
	std::string no_id = sealed;
	no_id[1] = '\0';
	EXPECT_EQ(sealed_key_id(no_id), std::nullopt);
	std::string long_id = sealed;
	long_id[1] = '\xFF';
	EXPECT_EQ(sealed_key_id(long_id), std::nullopt);
}

TEST(Seal, TextForm) {
	const KeyRing ring = one_key();
	const std::string sealed = seal(ring, "secret", "place");
	const std::string text = to_text(sealed);
	EXPECT_TRUE(text.starts_with("obsealed:v1:"));
	EXPECT_TRUE(is_sealed_text(text));
	EXPECT_EQ(from_text(text), sealed);
	// A later version is sealed text that this one cannot read; it must not pass for a clear secret.
	EXPECT_TRUE(is_sealed_text("obsealed:v2:abc"));
	EXPECT_FALSE(is_sealed_text("sandbox-secret"));
	EXPECT_FALSE(is_sealed_text(""));
	for (const std::string &bad :
	     {std::string(), std::string("obsealed:v1:"), std::string("obsealed:v1:AAAA"), std::string("obsealed:v2:AAAA"),
	      text + "=", text + " ", text.substr(0, text.size() / 2), text.substr(1)})
		EXPECT_EQ(from_text(bad), std::nullopt) << bad;
}

} // namespace
} // namespace ob::crypto
