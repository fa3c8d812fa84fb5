// Text that must not outlive its use: wiped when freed, never printed, compared in constant time. C++ regime.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/pure.hpp"

namespace ob {

/// Overwrites `size` bytes in a way the compiler keeps.
void wipe(void *data, std::size_t size) noexcept;

/// std::allocator that wipes what it frees.
template <class T>
struct WipingAllocator {
	using value_type = T;
	WipingAllocator() = default;
	template <class U>
	WipingAllocator(const WipingAllocator<U> &) noexcept {}
	T *allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
	void deallocate(T *p, std::size_t n) noexcept {
		wipe(p, n * sizeof(T));
		std::allocator<T>().deallocate(p, n);
	}
	friend bool operator==(const WipingAllocator &, const WipingAllocator &) { return true; }
};

/// A string for request bodies and header values that carry tokens. Short strings (up to 15 bytes, kept inside the
/// object) are not wiped: no token is that short.
using WipedString = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

/// A secret value. It has no stream operator and no implicit conversion: `reveal()` marks every place that reads it.
/// Even a short one never stands inside the object, where no allocator would wipe it.
class Secret {
public:
	Secret() = default;
	explicit Secret(std::string_view text) { take(text); }
	explicit Secret(const char *text) { take(text); }
	explicit Secret(WipedString text);
	Secret(const Secret &other) { take(other.text_); }
	Secret(Secret &&other) noexcept = default;
	Secret &operator=(const Secret &other);
	Secret &operator=(Secret &&other) noexcept;

	bool empty() const { return text_.empty(); }
	std::string_view reveal() const { return text_; }
	/// Constant in time for equal lengths.
	friend bool operator==(const Secret &a, const Secret &b) noexcept;

private:
	// More than a string keeps inside itself.
	static constexpr std::size_t kLeastCapacity = 32;

	void take(std::string_view text);

	WipedString text_; // on the heap unless empty
};

} // namespace ob

#include "core/pure.hpp"
