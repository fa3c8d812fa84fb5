// Sealing: what was sealed opens in its place and nowhere else.
#include "crypto/seal.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

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

TEST(KeyRing, NamesWhereItCameFrom) {
	try {
		static_cast<void>(KeyRing::parse("no sense", "output of the key command"));
		FAIL();
	} catch (const Error &error) {
		EXPECT_EQ(error.message(), "the output of the key command is not valid");
		EXPECT_EQ(error.detail(), "line 1: the key is not base64");
	}
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

/// Two keys whose ids are as long as each other.
KeyRing two_keys() {
	return KeyRing::parse(key_line("k1", 'a') + key_line("k2", 'b'));
}

bool opens(const KeyRing &ring, std::string_view bytes, std::string_view data = "place") {
	const auto failure = unseal_failure(ring, bytes, data);
	if (failure) {
		EXPECT_EQ(failure->code, ErrorCode::unseal_failed);
	}
	return !failure;
}

TEST(Seal, NothingCutOrSplicedOpens) {
	const KeyRing ring = two_keys();
	const std::string sealed = seal(ring, "access-sandbox-8ab976e6-64bc-4b38", "place");
	const std::string other = seal(ring, "access-sandbox-00000000-0000-0000", "place");
	ASSERT_EQ(sealed.size(), other.size());
	ASSERT_TRUE(opens(ring, sealed));
	for (std::size_t size = 0; size < sealed.size(); ++size) {
		EXPECT_FALSE(opens(ring, sealed.substr(0, size)));
		EXPECT_FALSE(opens(ring, sealed.substr(sealed.size() - size)));
		// Up to the nonce both are the same.
		EXPECT_FALSE(opens(ring, sealed.substr(0, size) + other.substr(size)) && size > 4);
	}
	EXPECT_FALSE(opens(ring, sealed + "x"));
	for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
		std::string damaged = sealed;
		damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
		EXPECT_FALSE(opens(ring, damaged)) << "bit " << bit;
	}
}

TEST(Seal, NothingDamagedAtRandomOpens) {
	const KeyRing ring = two_keys();
	const std::string sealed = seal(ring, "access-sandbox-8ab976e6-64bc-4b38", "place");
	std::mt19937 random(42);
	std::vector<int> flips(sealed.size());
	for (int i = 0; i < 100'000; ++i) {
		std::string damaged = sealed;
		for (auto n = random() % 4 + 1; n > 0; --n) {
			const std::size_t at = random() % damaged.size();
			damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
			++flips[at];
		}
		// Two flips of one bit undo each other.
		if (damaged != sealed) {
			ASSERT_FALSE(opens(ring, damaged)) << "round " << i;
		}
	}
	for (const int count : flips)
		EXPECT_GT(count, 1000);

	for (int i = 0; i < 50'000; ++i) {
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
			ASSERT_FALSE(opens(ring, damaged)) << "round " << i;
		}
	}
}

TEST(Seal, NoPartOfAnotherValueFits) {
	// Version, length, key id, nonce, ciphertext, tag: every mixture of the parts of two values.
	const KeyRing first = two_keys(), second = KeyRing::parse(key_line("k2", 'b') + key_line("k1", 'a'));
	const std::vector<std::size_t> ends = {1, 2, 4, 16, 22, 38};
	for (const KeyRing *ring : {&first, &second}) {
		const std::string one = seal(first, "secret", "place"), two = seal(*ring, "SECRET", "place");
		ASSERT_EQ(one.size(), ends.back());
		for (unsigned choice = 0; choice < 1u << ends.size(); ++choice) {
			std::string mixed;
			for (std::size_t i = 0; i < ends.size(); ++i) {
				const std::size_t from = mixed.size();
				mixed += (choice >> i & 1 ? two : one).substr(from, ends[i] - from);
			}
			EXPECT_EQ(opens(first, mixed), mixed == one || mixed == two) << choice;
		}
	}
	// And its own parts in another order.
	const std::string sealed = seal(first, "0123456789abcdef", "place"); // ciphertext and tag are of one size
	EXPECT_FALSE(opens(first, sealed.substr(0, 16) + sealed.substr(32) + sealed.substr(16, 16)));
	EXPECT_FALSE(opens(first, sealed.substr(0, 4) + sealed.substr(16, 12) + sealed.substr(4, 12) + sealed.substr(28)));
}

TEST(Seal, NoValueOpensInAnotherPlace) {
	const KeyRing ring = one_key();
	std::vector<std::vector<std::string>> places;
	for (const char *server : {"plaid", "plaid2", "Plaid", "plai", "", "d"})
		for (const char *subject : {"connection:1", "connection:11", "connection:2", ""})
			for (const char *kind : {"access_token", "refresh_token", "1access_token"})
				places.push_back({"ob.tokens", "sealed", server, subject, kind});
	for (const char *column : {"url_sealed", "token_sealed"})
		for (const char *link : {"a", "b", "ab", "connection:1"})
			places.push_back({"ob.links", column, link});
	for (const char *call : {"1", "11", "a", "ab"})
		places.push_back({"ob.outcomes", "sealed", call});
	for (const char *connection : {"1", "11", "2"})
		for (const char *account : {"1", "11", "2", "a"})
			places.push_back({"ob.accounts_all", "number_sealed", connection, account});
	for (const char *server : {"plaid", "plaid2", "plaidc", ""})
		for (const char *option : {"client_secret", "webhook_secret", "lient_secret"})
			places.push_back({"user mapping", server, option});

	std::vector<std::string> data;
	for (const auto &place : places)
		data.push_back(associated(std::vector<std::string_view>(place.begin(), place.end())));
	EXPECT_EQ(std::set<std::string>(data.begin(), data.end()).size(), data.size());
	for (std::size_t from = 0; from < data.size(); ++from) {
		const std::string sealed = seal(ring, "secret", data[from]);
		for (std::size_t to = 0; to < data.size(); ++to)
			ASSERT_EQ(opens(ring, sealed, data[to]), from == to) << from << " to " << to;
	}
}

TEST(Seal, TheFormatIsFixed) {
	// What is stored must open with every later version, so what is written must not change either.
	const std::string sealed = seal(KeyRing::parse(key_line("new_key-2", 'b')), "secret", "place");
	EXPECT_EQ(sealed.substr(0, 11), "\x01\x09new_key-2");
	EXPECT_EQ(sealed.size(), 2u + 9 + 12 + 6 + 16);
	EXPECT_EQ(sealed_head("new_key-2"), sealed.substr(0, 11));
	EXPECT_EQ(associated({"ob.links", "x"}), std::string("\0\0\0\0\0\0\0\x08ob.links\0\0\0\0\0\0\0\x01x", 25));
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
