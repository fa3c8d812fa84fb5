// Decides deliveries: one JSON object per line in, one line out, "accepted" or the reason. For main.js, which decides
// the same ones without this code.
#include <iostream>
#include <string>

#include "crypto/base64.hpp"
#include "webhook/scheme.hpp"
#include "json/document.hpp"

namespace {

std::string verdict(const std::string &line) {
	using namespace ob;
	const json::Document one = json::Document::parse(line);
	const webhook::Scheme *const scheme = webhook::find_scheme(one.text("scheme"));
	if (!scheme)
		return "no such scheme";
	const webhook::Headers headers(one.get("headers").canonical_dump());
	const std::string body = crypto::base64_decode(one.text("body")).value();
	const webhook::Delivery delivery{one.text("method"), one.text("path"), headers, body,
	                                 Timestamp(std::chrono::seconds(one.integer("received_at").value()))};
	webhook::SchemeSettings settings;
	settings.jku = one.text("jku");
	const webhook::Verification result = scheme->verify(delivery, settings, {one.text("key"), {}});
	const webhook::KeyWish wish = scheme->wish(delivery, settings);
	if (!wish.reason.empty() && wish.reason != result.reason)
		return "refused in two ways: " + std::string(wish.reason) + " and " + std::string(result.reason);
	return result.verified() ? "accepted" : std::string(result.reason);
}

} // namespace

int main() {
	for (std::string line; std::getline(std::cin, line);)
		std::cout << verdict(line) << '\n';
}
