#include "pg/sqlapi/journey.hpp"

#include <string>

#include "core/time.hpp"
#include "pg/runtime.hpp"
#include "pg/store/links.hpp"
#include "pg/store/owner.hpp"

namespace ob::pg::sqlapi {

namespace {

std::string code_or(std::string_view text, std::string_view otherwise) {
	constexpr std::size_t kLongest = 64;
	const bool is_code = !text.empty() && text.size() <= kLongest &&
	                     text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
	                         std::string_view::npos;
	return std::string(is_code ? text : otherwise);
}

} // namespace

Task<providers::Journey> follow(store::LoadedServer server, Secret token) {
	providers::CallStats stats;
	providers::Session session = Runtime::get().session(server.config, stats);
	Task<providers::Journey> followed = server.provider->follow_link(std::move(session), std::move(token));
	co_return co_await followed;
}

Fields cancel_row(const store::Link &link, std::string_view reason) {
	const std::string code = code_or(reason, "cancelled");
	store::as_owner([&] { store::end_link(link.link_id, "cancelled", code); });
	return status_row("cancelled", code == "cancelled" ? "the user has not finished it" : "the link was cancelled: " + code);
}

Fields ungranted_row(const store::Link &link, const providers::Journey &journey) {
	const bool left = journey.state == providers::Journey::State::left;
	if (left && link.expired)
		return cancel_row(link, journey.reason);
	if (link.expired)
		store::throw_ended(link);
	if (!left)
		return status_row("waiting", "the user has not finished yet");
	std::string notice = "the user left (" + code_or(journey.reason, "cancelled") + ") and may begin again";
	if (link.expires_at)
		notice += " until " + time::format_timestamp(*link.expires_at);
	return status_row("waiting", notice);
}

} // namespace ob::pg::sqlapi
