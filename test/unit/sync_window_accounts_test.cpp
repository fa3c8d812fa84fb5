// Accounts whose ids have changed are known again by their numbers, if by anything.
#include <gtest/gtest.h>

#include "providers/row_identity.hpp"
#include "sync/window_accounts.hpp"

namespace ob::sync {
namespace {

using providers::AccountListing;
using providers::AccountNumber;

AccountNumber number(std::string account, std::string scheme, std::string_view text, std::string bank = {}) {
	return {std::move(account), std::move(scheme), Secret(text), std::move(bank), {}, {}, {}, false};
}

std::string key_of(const AccountNumber &number) {
	const auto key = providers::number_key(number);
	return key ? std::string(key->reveal()) : "none";
}

TEST(NumberKey, IsTheNumberHoweverItIsWritten) {
	EXPECT_EQ(key_of(number("a", "iban", "gb33 BUKB 2020 1555 5555 55")), "iban:::GB33BUKB20201555555555");
	EXPECT_EQ(key_of(number("a", "bacs", "12345678", "12-34-56")), "bacs:123456::12345678");
	EXPECT_EQ(key_of(number("a", "iban", "SA04203XGFV6Y7UWB7IYNK0I")), "iban:::SA04203XGFV6Y7UWB7IYNK0I");
}

TEST(NumberKey, MaskedOrShortIsNone) {
	EXPECT_EQ(key_of(number("a", "iban", "GB33****5555")), "none");
	EXPECT_EQ(key_of(number("a", "iban", "GB33XXXXXXXX5555")), "none");
	EXPECT_EQ(key_of(number("a", "iban", "GB33••••5555")), "none");
	EXPECT_EQ(key_of(number("a", "bacs", "5555", "123456")), "none");
	EXPECT_EQ(key_of(number("a", "bacs", "12345678", "XX-XX-56")), "none");
	EXPECT_EQ(key_of(number("a", "bacs", "")), "none");
	AccountNumber made_up = number("a", "ach", "123456789");
	made_up.tokenized = true;
	EXPECT_EQ(key_of(made_up), "none");
}

TEST(ContentKey, IsTheContentThatMatters) {
	Transaction row;
	row.amount = "-12.30";
	row.currency = "EUR";
	row.description = "SHOP";
	row.date = Date(std::chrono::year(2026) / 3 / 10);
	const std::string key = providers::content_key(row);
	EXPECT_EQ(key, "content-dc33bf79d3373900140a9643522c837c-") << "kept in tables: it must never change";
	const auto differs = [&](auto &&change) {
		Transaction other = row;
		change(other);
		return providers::content_key(other) != key;
	};
	EXPECT_FALSE(differs([](Transaction &other) { other.amount = "-12.3"; }));
	EXPECT_FALSE(differs([](Transaction &other) { other.category = "FOOD"; }));
	EXPECT_TRUE(differs([](Transaction &other) { other.amount = "-12.31"; }));
	EXPECT_TRUE(differs([](Transaction &other) { other.date += std::chrono::days(1); }));
	EXPECT_TRUE(differs([](Transaction &other) { other.pending = true; }));
	EXPECT_TRUE(differs([](Transaction &other) { other.currency = "GBP"; }));
	EXPECT_TRUE(differs([](Transaction &other) {
		other.currency = "EURS";
		other.description = "HOP";
	}));
	EXPECT_EQ(providers::plain_amount("100"), "100");
	EXPECT_EQ(providers::plain_amount("-10.00"), "-10");
	EXPECT_EQ(providers::plain_amount("0.0"), "0");
	EXPECT_EQ(providers::plain_amount("10.010"), "10.01");
}

const char *const kIban = "DE02120300000000202051";
const char *const kOther = "DE02500105170137075030";

/// What was stored, and what is listed now: id, currency, IBAN.
struct Known {
	const char *id;
	const char *currency;
	const char *iban;
	bool live = true;
};

std::string moves(const std::vector<Known> &stored, const std::vector<Known> &listed) {
	std::vector<KeptAccount> kept;
	for (const Known &account : stored) {
		kept.push_back({account.id, account.currency, account.live, {}, {}});
		if (const auto key = providers::number_key(number(account.id, "iban", account.iban)))
			kept.back().numbers.push_back(*key);
	}
	AccountListing listing;
	for (const Known &account : listed) {
		Account &row = listing.list.accounts.emplace_back();
		row.id = account.id;
		row.currency = account.currency;
		listing.numbers.push_back(number(account.id, "iban", account.iban));
	}
	std::string text;
	for (const AccountMove &move : find_moved_accounts(kept, listing))
		text += move.from + ">" + move.to + " ";
	return text;
}

TEST(MovedAccounts, AreFoundByTheirNumber) {
	EXPECT_EQ(moves({{"a", "EUR", kIban}}, {{"b", "EUR", kIban}}), "a>b ");
	EXPECT_EQ(moves({{"a", "EUR", kIban}, {"c", "EUR", kOther}}, {{"d", "EUR", kOther}, {"b", "EUR", kIban}}),
	          "c>d a>b ");
	EXPECT_EQ(moves({{"a", "", kIban}}, {{"b", "EUR", kIban}}), "a>b ") << "a currency that was not known";
	EXPECT_EQ(moves({{"a", "EUR", kIban, false}}, {{"b", "EUR", kIban}}), "a>b ") << "removed, and back";
	EXPECT_EQ(moves({{"a", "EUR", kIban, false}, {"c", "EUR", kIban}}, {{"b", "EUR", kIban}}), "c>b ")
	    << "the one that was there last";
}

TEST(MovedAccounts, OthersAreLeftAlone) {
	EXPECT_EQ(moves({{"a", "EUR", kIban}}, {{"a", "EUR", kIban}}), "");
	EXPECT_EQ(moves({{"a", "EUR", kIban}}, {{"a", "EUR", kIban}, {"b", "EUR", kIban}}), "")
	    << "another one with the same number";
	EXPECT_EQ(moves({{"a", "EUR", kIban}}, {{"b", "EUR", kOther}}), "");
	EXPECT_EQ(moves({{"a", "EUR", kIban}}, {{"b", "GBP", kIban}}), "") << "a pocket in another currency";
	EXPECT_EQ(moves({{"a", "EUR", kIban}, {"c", "GBP", kIban}}, {{"b", "GBP", kIban}, {"d", "EUR", kIban}}), "c>b a>d ")
	    << "pockets are told apart by their currency";
	EXPECT_EQ(moves({{"a", "EUR", kIban}}, {{"b", "EUR", kIban}, {"c", "EUR", kIban}}), "") << "either may be it";
	EXPECT_EQ(moves({{"a", "EUR", kIban}, {"c", "EUR", kIban}}, {{"b", "EUR", kIban}}), "") << "it may be either";
	EXPECT_EQ(moves({{"a", "EUR", ""}}, {{"b", "EUR", ""}}), "") << "nothing is no number";
	EXPECT_EQ(moves({{"a", "EUR", "****2051"}}, {{"b", "EUR", "****2051"}}), "") << "nor is the end of one";
	EXPECT_EQ(moves({{"a", "EUR", kIban}}, {{"a", "EUR", ""}, {"b", "EUR", kIban}}), "") << "it is still there";
	EXPECT_EQ(moves({{"a", "EUR", ""}, {"c", "EUR", kIban}}, {{"a", "EUR", kIban}}), "") << "it was there before";
	EXPECT_EQ(moves({}, {{"b", "EUR", kIban}}), "");
	EXPECT_EQ(moves({{"a", "EUR", kIban}}, {}), "");
}

// ---- cards ----

Account card(const char *id, const char *network, const char *mask, const char *type = "credit_card") {
	Account account;
	account.id = id;
	account.currency = "GBP";
	account.type = type;
	account.provider_subtype = network;
	account.mask = mask;
	return account;
}

std::string card_moves(const std::vector<Account> &stored, const std::vector<Account> &listed) {
	std::vector<KeptAccount> kept;
	for (const Account &account : stored)
		kept.push_back({account.id, account.currency, true, {}, providers::card_key(account)});
	AccountListing listing;
	listing.list.accounts = listed;
	std::string text;
	for (const AccountMove &move : find_moved_accounts(kept, listing))
		text += move.from + ">" + move.to + " ";
	return text;
}

TEST(MovedCards, AreFoundByNetworkAndDigits) {
	EXPECT_EQ(card_moves({card("a", "VISA", "0044")}, {card("b", "VISA", "0044")}), "a>b ");
	EXPECT_EQ(card_moves({card("a", "VISA", "0044")}, {card("b", "AMEX", "0044")}), "");
	EXPECT_EQ(card_moves({card("a", "VISA", "0044")}, {card("b", "VISA", "0055")}), "");
	EXPECT_EQ(card_moves({card("a", "VISA", "0044")}, {card("b", "VISA", "0044"), card("c", "VISA", "0044")}), "");
	EXPECT_EQ(card_moves({card("a", "VISA", "0044"), card("d", "VISA", "0044")}, {card("b", "VISA", "0044")}), "");
	EXPECT_EQ(card_moves({card("a", "", "0044")}, {card("b", "", "0044")}), "");
	EXPECT_EQ(card_moves({card("a", "VISA", "")}, {card("b", "VISA", "")}), "");
	EXPECT_EQ(card_moves({card("a", "X", "0044", "checking")}, {card("b", "X", "0044", "checking")}), "") << "no cards";
}

} // namespace
} // namespace ob::sync
