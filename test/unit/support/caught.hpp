// The error that an action throws.
#pragma once

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace ob::test {

template <class F>
Error caught(F &&action) {
	try {
		action();
	} catch (const Error &error) {
		return error;
	}
	ADD_FAILURE() << "nothing was thrown";
	return Error(ErrorCode::internal, "nothing was thrown");
}

} // namespace ob::test
