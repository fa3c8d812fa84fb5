// What a scheme says of a delivery.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "webhook/reasons.hpp"
#include "webhook/scheme.hpp"

namespace ob::testing {

inline constexpr std::int64_t kWebhookNow = 1763800000; // 2025-11-22T08:26:40Z

struct Sent {
	std::string headers; // JSON
	std::string body;
	Timestamp received_at = Timestamp(std::chrono::seconds(kWebhookNow));
	std::string method = "POST";
	std::string path{};
};

/// Makes sure that what the wish refuses the check refuses for the same reason, and that each reason can be explained.
inline std::string_view webhook_reason(std::string_view name, const Sent &sent, const webhook::SchemeSettings &settings,
                                       const webhook::KeyMaterial &keys) {
	const webhook::Headers headers(sent.headers);
	const webhook::Delivery delivery{sent.method, sent.path, headers, sent.body, sent.received_at};
	const webhook::Scheme &scheme = *webhook::find_scheme(name);
	const webhook::KeyWish wish = scheme.wish(delivery, settings);
	const std::string_view reason = scheme.verify(delivery, settings, keys).reason;
	if (!wish.reason.empty()) {
		EXPECT_EQ(reason, wish.reason);
	}
	const bool has_key = wish.reason.empty() && scheme.key_source() == webhook::KeySource::provider;
	EXPECT_EQ(!wish.key_id.empty(), has_key);
	EXPECT_TRUE(reason.empty() || !webhook::explain(reason).empty()) << reason;
	return reason;
}

} // namespace ob::testing
