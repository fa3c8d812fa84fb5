// Options sealed outside of the database and inside are the same.
#include "providers/sealed_option.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace ob::providers {
namespace {

const crypto::KeyRing &ring() {
	static const crypto::KeyRing ring = crypto::KeyRing::parse("k-2024:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
	return ring;
}

std::string failure_of(std::string_view server, std::string_view option, std::string_view secret) {
	try {
		return seal_option(ring(), server, option, secret);
	} catch (const Error &error) {
		return std::string(sqlstate(error.code())) + " " + error.message();
	}
}

TEST(SealedOption, OpensWhatAnotherImplementationSealed) {
	// Made with Python's cryptography (AESGCM), nonce 50..61: fixes the place of an option for ever.
	const auto sealed =
	    crypto::from_text("obsealed:v1:AQZrLTIwMjQyMzQ1Njc4OTo7PD21OoGkp1P5zh5iifQ-mVYZM5oBI-fxytRsPavxGAA");
	ASSERT_TRUE(sealed.has_value());
	EXPECT_EQ(crypto::unseal(ring(), *sealed, option_place("plaid", "client_secret"), "it").reveal(), "sandbox-secret");
}

TEST(SealedOption, OpensAgain) {
	const std::string text = seal_option(ring(), "plaid", "client_secret", "sandbox-secret");
	const auto sealed = crypto::from_text(text);
	ASSERT_TRUE(sealed.has_value()) << text;
	EXPECT_EQ(crypto::unseal(ring(), *sealed, option_place("plaid", "client_secret"), "it").reveal(), "sandbox-secret");
}

TEST(SealedOption, RefusesWhatCannotBeOne) {
	EXPECT_EQ(failure_of("plaid", "client_id", "hunter2"), "HV00D \"client_id\" is no secret option of a user mapping");
	EXPECT_EQ(failure_of("plaid", "client_secret_file", "hunter2"),
	          "HV00D \"client_secret_file\" is no secret option of a user mapping");
	EXPECT_EQ(failure_of("", "client_secret", "hunter2"), "22023 the name of the server is empty");
	EXPECT_EQ(failure_of("plaid", "client_secret", ""), "22023 the secret is empty");
}

} // namespace
} // namespace ob::providers
