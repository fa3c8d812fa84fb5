// C++ regime.
#include "providers/plaid/item.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/time.hpp"
#include "providers/fields.hpp"
#include "providers/once.hpp"
#include "providers/plaid/arguments.hpp"
#include "providers/plaid/client.hpp"
#include "providers/plaid/errors.hpp"
#include "json/document.hpp"

#include "core/pure.hpp"

namespace ob::providers::plaid {

namespace {

constexpr const char *kToken = "access_token";
constexpr std::string_view kItemEndpoint = "/item/get";

constexpr Lost kExchangeLost{
    "whether plaid exchanged the public token is unknown",
    "The bank may be linked at Plaid without us holding its token; it is tried once more while the public token is "
    "valid, then link again."};
constexpr Lost kRotationLost{"whether plaid replaced the access token is unknown",
                             "If plaid refuses the old token from now on, the new one is lost: link the bank again."};

/// Makes a call that cannot be taken back.
Task<json::Document> ask_once(Session session, Call call, Lost lost) {
	call.repeat = Repeat::never;
	return providers::ask_once(ask(std::move(session), std::move(call)), lost);
}

// What /item/remove answers where there is nothing left to remove. INVALID_ACCESS_TOKEN is not among them: the item may
// live on, and be billed, in another environment or under a newer token.
constexpr std::array<std::string_view, 3> kGone{"ITEM_NOT_FOUND", "ITEM_CONCURRENTLY_DELETED",
                                                "USER_PERMISSION_REVOKED"};

/// An answer of /item/get.
struct ItemAnswer {
	std::string item_id;
	ConnectionHealth health;
	std::string request_id;
};

ItemAnswer read_answer(std::string bytes) {
	ItemAnswer answer;
	json::Body body(std::move(bytes));
	json::Reader reader(body);
	bool has_item = false;
	std::optional<Timestamp> updated_at;
	reader.root().object([&](std::string_view key, json::Value value) {
		if (key == "item" && value.kind() == json::Kind::object) {
			has_item = true;
			answer.health = read_item(value);
			value.object([&](std::string_view name, json::Value field) {
				if (name == "item_id")
					answer.item_id = text_of(field);
			});
		} else if (key == "status") {
			members_of(value, [&](std::string_view product, json::Value times) {
				if (product != "transactions")
					return;
				members_of(times, [&](std::string_view name, json::Value time) {
					if (name == "last_successful_update")
						updated_at = time::parse_timestamp(text_of(time));
				});
			});
		} else if (key == "request_id") {
			answer.request_id = presentable_request_id(text_of(value));
		}
	});
	reader.finish();
	if (!has_item)
		bad_answer(kItemEndpoint, "item is missing", answer.request_id);
	answer.health.bank_updated_at = updated_at;
	return answer;
}

Task<ItemAnswer> get_item(Session session, Credentials credentials) {
	Call call;
	call.endpoint = kItemEndpoint;
	call.body = body_with_token(credentials).dump();
	CallStats *stats = session.stats;
	http::Response response = co_await send(std::move(session), std::move(call));
	ItemAnswer answer = read_form(kItemEndpoint, [&] { return read_answer(std::move(response.body)); });
	if (stats)
		stats->last_request_id = answer.request_id;
	co_return std::move(answer);
}

/// What ob.adopt_connection is given. Errors name nothing of it but what we know: a token may stand in any place.
json::Document parse_credentials(std::string_view text) {
	constexpr std::array<std::string_view, 3> kKnown{kToken, "cursor", "item_id"};
	json::Document given = parse_object(text, "credentials");
	for (const auto &[name, value] : given.root().members()) {
		if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end())
			throw Error(ErrorCode::invalid_argument, "the credentials have an unknown member", {},
			            known_names_hint(name, kKnown));
		if (value.exists() && !value.is_text())
			throw Error(ErrorCode::invalid_argument, "the credentials' members must be texts");
	}
	if (given.text(kToken).empty())
		throw Error(ErrorCode::invalid_argument, "the credentials have no access_token");
	return given;
}

} // namespace

Task<Established> exchange(Session session, LinkGrant grant) {
	json::Object body;
	body.set_secret("public_token", grant.value);
	Call call;
	call.endpoint = "/item/public_token/exchange";
	call.body = body.dump();
	const std::string endpoint = call.endpoint;
	json::Document answer = co_await ask_once(std::move(session), std::move(call), kExchangeLost);
	Established established;
	established.provider_connection_id = answer.text("item_id");
	established.request_id = presentable_request_id(answer.text("request_id"));
	established.credentials.emplace(kToken, Secret(answer.text("access_token")));
	if (established.provider_connection_id.empty() || answer.text("access_token").empty())
		outcome_unknown(kExchangeLost, error_detail(endpoint, 200, {}, established.request_id));
	co_return std::move(established);
}

Task<Credentials> rotate(Session session, Credentials credentials) {
	Call call;
	call.endpoint = "/item/access_token/invalidate";
	call.body = body_with_token(credentials).dump();
	const std::string endpoint = call.endpoint;
	json::Document answer = co_await ask_once(std::move(session), std::move(call), kRotationLost);
	if (answer.text("new_access_token").empty())
		outcome_unknown(kRotationLost, error_detail(endpoint, 200, {}, answer.text("request_id")));
	credentials.insert_or_assign(kToken, Secret(answer.text("new_access_token")));
	co_return std::move(credentials);
}

Task<void> remove(Session session, Credentials credentials) {
	Call call;
	call.endpoint = "/item/remove";
	call.body = body_with_token(credentials).dump();
	try {
		// Repeated: the second call of two that both arrived says that the item is gone.
		json::Document answer = co_await ask(std::move(session), std::move(call));
	} catch (const ProviderError &error) {
		if (std::find(kGone.begin(), kGone.end(), error.provider_code()) == kGone.end())
			throw;
	}
}

ConnectionHealth read_item(json::Value item) {
	ConnectionHealth health;
	std::string_view type;
	std::string_view code;
	std::string_view code_reason;
	item.object([&](std::string_view key, json::Value value) {
		if (key == "institution_id")
			health.institution_id = text_of(value);
		else if (key == "institution_name")
			health.institution_name = text_of(value);
		else if (key == "consent_expiration_time")
			health.consent_expires_at = time::parse_timestamp(text_of(value));
		else if (key == "error")
			members_of(value, [&](std::string_view name, json::Value field) {
				if (name == "error_type")
					type = text_of(field);
				else if (name == "error_code")
					code = text_of(field);
				else if (name == "error_code_reason")
					code_reason = text_of(field);
			});
	});
	if (type.empty() && code.empty())
		return health;
	ErrorFacts facts;
	facts.type = type;
	facts.code = code;
	facts.code_reason = code_reason;
	set_standing_error(facts, health);
	return health;
}

Task<ConnectionHealth> health(Session session, Credentials credentials) {
	ItemAnswer answer = co_await get_item(std::move(session), std::move(credentials));
	co_return std::move(answer.health);
}

Task<Adopted> adopt(Session session, std::string credentials_json) {
	const json::Document given = parse_credentials(credentials_json);
	Adopted adopted;
	adopted.cursor = given.text("cursor");
	adopted.established.credentials.emplace(kToken, Secret(given.text(kToken)));
	ItemAnswer answer = co_await get_item(std::move(session), adopted.established.credentials);
	if (answer.item_id.empty())
		bad_answer(kItemEndpoint, "item_id is missing", answer.request_id);
	if (given.has("item_id") && given.text("item_id") != answer.item_id)
		throw Error(ErrorCode::invalid_argument, "the access token belongs to another item_id",
		            error_detail(kItemEndpoint, 200, {}, answer.request_id));
	adopted.established.provider_connection_id = std::move(answer.item_id);
	adopted.established.request_id = std::move(answer.request_id);
	co_return std::move(adopted);
}

} // namespace ob::providers::plaid

#include "core/pure.hpp"
