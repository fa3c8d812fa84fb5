// Secrets: equality, and that no copy or move leaves text inside an object.
#include "core/secret.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <ostream>
#include <string>
#include <type_traits>

namespace ob {
namespace {

template <class T>
concept Printable = requires(std::ostream &out, const T &value) {
	out << value;
};

static_assert(!Printable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string_view, Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret> && std::is_nothrow_move_assignable_v<Secret>);

/// An object's place in memory, which can be looked at before and after the object's life.
template <class T>
struct Place {
	alignas(T) std::array<char, sizeof(T)> bytes{};

	template <class... Args>
	T *make(Args &&...args) {
		return new (bytes.data()) T(std::forward<Args>(args)...);
	}
	bool holds(std::string_view text) const {
		// Reads memory outside of any object's life on purpose.
		const auto *begin = static_cast<const volatile char *>(bytes.data());
		std::string copy(bytes.size(), '\0');
		std::copy(begin, begin + bytes.size(), copy.begin());
		return copy.find(text) != std::string::npos;
	}
};

constexpr std::string_view kShort = "s3cr3t-pin"; // fits into a string's own bytes
constexpr std::string_view kPiece = "t-pin";      // a copy may be overwritten in front

TEST(Secret, APlainStringWouldKeepAShortTextInside) {
	Place<WipedString> place;
	WipedString *text = place.make(kShort);
	EXPECT_TRUE(place.holds(kPiece));
	text->~WipedString();
}

TEST(Secret, ShortTextsNeverStandInside) {
	Place<Secret> first, second, third, fourth;
	Secret *a = first.make(kShort);
	EXPECT_FALSE(first.holds(kPiece));
	Secret *b = second.make(*a);
	EXPECT_FALSE(second.holds(kPiece));
	Secret *c = third.make(std::move(*a));
	EXPECT_FALSE(first.holds(kPiece));
	EXPECT_FALSE(third.holds(kPiece));
	Secret *d = fourth.make(WipedString(kShort));
	EXPECT_FALSE(fourth.holds(kPiece));
	*d = *b;
	EXPECT_FALSE(fourth.holds(kPiece));
	EXPECT_EQ(b->reveal(), kShort);
	EXPECT_EQ(c->reveal(), kShort);
	EXPECT_EQ(d->reveal(), kShort);
	for (Secret *secret : {a, b, c, d})
		secret->~Secret();
}

TEST(Secret, MovingLeavesNothingBehind) {
	Secret a("the first secret, long enough for the heap");
	Secret b("the second secret, long enough for the heap");
	a = std::move(b);
	EXPECT_EQ(a.reveal(), "the second secret, long enough for the heap");
	EXPECT_TRUE(b.empty());
	Secret &alias = a;
	a = std::move(alias);
	EXPECT_EQ(a.reveal(), "the second secret, long enough for the heap");
	a = alias;
	EXPECT_EQ(a.reveal(), "the second secret, long enough for the heap");
}

TEST(Secret, Equality) {
	EXPECT_TRUE(Secret("abc") == Secret("abc"));
	EXPECT_FALSE(Secret("abc") == Secret("abd"));
	EXPECT_FALSE(Secret("bbc") == Secret("abc"));
	EXPECT_FALSE(Secret("abc") == Secret("abcd"));
	EXPECT_TRUE(Secret() == Secret(""));
	EXPECT_TRUE(Secret(std::string_view("\0a", 2)) == Secret(std::string_view("\0a", 2)));
	EXPECT_FALSE(Secret(std::string_view("\0a", 2)) == Secret(std::string_view("\0b", 2)));
}

TEST(Secret, WipeOverwrites) {
	std::array<char, 5> bytes{'a', 'b', 'c', 'd', 'e'};
	wipe(bytes.data() + 1, 3);
	EXPECT_EQ(std::string_view(bytes.data(), bytes.size()), std::string_view("a\0\0\0e", 5));
	wipe(nullptr, 0);
}

} // namespace
} // namespace ob
