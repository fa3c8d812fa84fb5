// Reads any JSON by the reader's getters and by skipping, which must agree.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "core/error.hpp"
#include "json/reader.hpp"

namespace ob::json {

/// Reads everything there is, by getters, and writes it down in a form of its own.
inline void read_all(Value value, std::string &out) {
	switch (value.kind()) {
	case Kind::object:
		out += '{';
		value.object([&](std::string_view key, Value member) {
			out += key;
			out += ':';
			read_all(member, out);
		});
		out += '}';
		break;
	case Kind::array:
		out += '[';
		value.array([&](Value item) {
			read_all(item, out);
			out += ',';
		});
		out += ']';
		break;
	case Kind::text:
		out += value.text();
		break;
	case Kind::number:
		out += value.number();
		break;
	case Kind::boolean:
		out += value.boolean() ? "yes" : "no";
		break;
	case Kind::null:
		EXPECT_TRUE(value.is_null());
		value.skip();
		out += "nil";
		break;
	}
}

inline std::string read_all(std::string json) {
	Body body(std::move(json));
	Reader reader(body);
	std::string out;
	read_all(reader.root(), out);
	reader.finish();
	return out;
}

inline void skip_all(std::string json) {
	Body body(std::move(json));
	Reader reader(body);
	reader.finish();
}

/// The error's code, or nothing if it was accepted.
inline std::optional<ErrorCode> failure(const std::function<void()> &read, std::string *text = nullptr) {
	try {
		read();
	} catch (const Error &error) {
		if (text)
			*text = error.message() + "|" + error.detail() + "|" + error.hint();
		return error.code();
	}
	return std::nullopt;
}

/// Both ways must agree.
inline bool accepted(const std::string &json) {
	const auto by_reading = failure([&] { read_all(json); });
	const auto by_skipping = failure([&] { skip_all(json); });
	EXPECT_EQ(by_reading, by_skipping) << json;
	EXPECT_TRUE(!by_reading || *by_reading == ErrorCode::bad_reply) << json;
	return !by_reading;
}

} // namespace ob::json
