// ob.webhook_verify, ob.webhook_check. C++ regime behind OB_FUNCTION.

#include "pg/sqlapi/webhook_check.hpp"

extern "C" {
#include "utils/timestamp.h"
}

#include <algorithm>
#include <cctype>
#include <chrono>
#include <map>
#include <vector>

#include "core/text.hpp"
#include "crypto/digest.hpp"
#include "pg/entry.hpp"
#include "pg/log.hpp"
#include "pg/sqlapi/call.hpp"
#include "pg/sqlapi/webhook_key.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/webhook_keys.hpp"
#include "pg/time.hpp"
#include "providers/networks.hpp"
#include "providers/option_values.hpp"
#include "webhook/freshness.hpp"
#include "webhook/reasons.hpp"
#include "webhook/scheme.hpp"

namespace ob::pg::sqlapi {

namespace {

namespace reason = webhook::reason;
using providers::ServerConfig;
using providers::WebhookSource;
using Kind = WebhookVerdict::Kind;

// The largest of a provider's have some hundred kB.
constexpr std::size_t kMaxBody = std::size_t{2} << 20;

Timestamp time_argument(FunctionCallInfo fcinfo, int index) {
	if (PG_ARGISNULL(index))
		return Runtime::get().clock().now();
	const TimestampTz at = PG_GETARG_TIMESTAMPTZ(index);
	if (TIMESTAMP_NOT_FINITE(at))
		throw Error(ErrorCode::invalid_argument, "argument \"received_at\" must be a time");
	return from_server(at);
}

std::string upper(std::string text) {
	std::transform(text.begin(), text.end(), text.begin(),
	               [](unsigned char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c); });
	return text;
}

WebhookVerdict rejected(std::string_view why) {
	WebhookVerdict verdict;
	verdict.reason = why;
	return verdict;
}

WebhookVerdict unavailable(std::string_view why) {
	WebhookVerdict verdict;
	verdict.kind = Kind::unavailable;
	verdict.reason = why;
	return verdict;
}

/// Empty if the address may send.
std::string_view check_source(const ServerConfig &server, const std::string &remote_addr) {
	const std::string_view allowed = server.option("webhook_sources");
	if (allowed.empty())
		return {};
	const auto sender = providers::parse_network(remote_addr);
	if (!sender)
		return reason::source_unknown;
	for (const std::string_view word : text::split(allowed))
		if (const auto network = providers::parse_network(word); network && contains(*network, *sender))
			return {};
	return reason::source_refused;
}

webhook::SchemeSettings settings_of(const ServerConfig &server, const WebhookSource &source) {
	webhook::SchemeSettings settings;
	settings.tolerance =
	    providers::parse_interval(server.option("webhook_tolerance")).value_or(std::chrono::seconds(0));
	settings.header = source.signature_header();
	settings.jku = source.key_set_url(server);
	return settings;
}

// ---- keys ----

/// Of the user mapping, with what a role that only receives webhooks has not.
store::LoadedServer load_mapping(const std::string &server) {
	try {
		return store::load_server(server, store::current_role());
	} catch (const Error &error) {
		if (error.code() != ErrorCode::missing_option)
			throw;
	}
	std::string role;
	store::as_owner([&] { role = store::webhook_mapping_role(server); });
	return store::load_server(server, role);
}

struct Keys {
	std::string text;
	std::vector<Secret> secrets;
	std::string_view reason; // why there are none
	bool is_final = true;
};

Keys provider_key(const std::string &server, const WebhookSource &source, std::string key_id,
                  WebhookClaimant claimant) {
	WebhookKey found = run(find_webhook_key(server, std::move(key_id), source.key_refresh(), std::move(claimant)));
	return {std::move(found.jwk), {}, found.reason, found.is_final};
}

/// Secrets of a user mapping: the new and the old one, while a provider goes from one to the other.
Keys own_keys(const std::string &server, webhook::KeySource source) {
	const store::LoadedServer loaded = load_mapping(server);
	const bool is_secret = source == webhook::KeySource::secrets;
	const auto found = loaded.config->credentials.find(is_secret ? "webhook_secret" : "webhook_public_key");
	Keys keys;
	if (found == loaded.config->credentials.end()) {
		keys.reason = reason::not_configured;
		keys.is_final = false;
	} else if (is_secret) {
		for (const std::string_view word : text::split(found->second.reveal()))
			keys.secrets.emplace_back(word);
	} else {
		keys.text = found->second.reveal();
	}
	return keys;
}

/// What the error of looking for a key means for the sender.
std::string_view reason_of(const Error &error) {
	switch (error.code()) {
	case ErrorCode::unseal_failed:
		return reason::key_ring_missing;
	case ErrorCode::missing_option:
	case ErrorCode::not_configured:
		return reason::not_configured;
	default:
		return reason::key_not_fetched;
	}
}

/// A line a minute at most for each reason: a stranger may come as often as he likes.
void log_seldom(const std::string &server, std::string_view why, const std::exception_ptr &failure) {
	using std::chrono::steady_clock;
	static std::map<std::string, steady_clock::time_point, std::less<>> said;
	const auto now = steady_clock::now();
	const auto [last, is_new] = said.try_emplace(server + " " + std::string(why), now);
	if (!is_new && now - last->second < std::chrono::minutes(1))
		return;
	last->second = now;
	log_failure("webhook for server " + server, failure);
}

/// What of ours an unchecked body is about.
std::string subject_of(const std::string &server, const WebhookSource &source, const std::string &body) {
	std::string subject;
	try {
		const providers::WebhookEvent event = source.read(body, false);
		const std::string link = event.link_token.empty() ? "" : crypto::sha256_hex(event.link_token.reveal());
		store::as_owner([&] { subject = store::webhook_subject(server, event.connection_id, link); });
	} catch (const Error &) {
		subject.clear(); // it is no webhook
	}
	return subject;
}

Keys find_keys(const std::string &server, const WebhookSource &source, const webhook::Scheme &scheme,
               std::string key_id, WebhookClaimant claimant) {
	std::exception_ptr failure;
	try {
		if (scheme.key_source() == webhook::KeySource::provider)
			return provider_key(server, source, std::move(key_id), std::move(claimant));
		return own_keys(server, scheme.key_source());
	} catch (const Error &) {
		failure = std::current_exception();
	}
	Keys none;
	none.reason = reason_of(describe(failure));
	none.is_final = false;
	log_seldom(server, none.reason, failure);
	return none;
}

// ---- the verdict ----

void read_event(const WebhookSource &source, const ServerConfig &server, const std::string &body, bool with_payload,
                WebhookVerdict *verdict) {
	try {
		verdict->event = source.read(body, with_payload);
	} catch (const Error &) {
		*verdict = rejected(reason::body_malformed);
		return;
	}
	const std::string &environment = verdict->event.environment;
	if (!environment.empty() && environment != server.option("environment"))
		*verdict = rejected(reason::wrong_environment);
}

/// What an event says of its own time holds however late it is sent. Nothing has happened ahead of the clock here.
std::optional<Timestamp> time_of(const providers::WebhookEvent &event, const webhook::Verification &verification,
                                 Timestamp received_at) {
	if (event.happened_at)
		return std::min(*event.happened_at, received_at);
	return verification.signed_at;
}

/// Where the signature tells no time, by the event's own: a captured delivery is not to come back once its event has
/// been purged. Only if the server says how old it may be.
std::string_view check_age(const providers::WebhookEvent &event, const webhook::SchemeSettings &settings,
                           Timestamp received_at) {
	if (!event.happened_at || settings.tolerance.count() == 0)
		return {};
	return webhook::check_time(*event.happened_at, received_at, {settings.tolerance, settings.tolerance});
}

WebhookVerdict judge(const WebhookArguments &arguments, const ServerConfig &server, const WebhookSource &source,
                     bool with_payload) {
	if (const std::string_view wrong = check_source(server, arguments.remote_addr); !wrong.empty())
		return rejected(wrong);
	if (arguments.body.size() > kMaxBody)
		return rejected(reason::body_too_large);
	const webhook::Scheme *scheme = webhook::find_scheme(server.option("webhook_scheme"));
	if (!scheme)
		return unavailable(reason::not_configured);
	const webhook::Headers headers(arguments.headers_json);
	const webhook::Delivery delivery{arguments.method, arguments.path, headers, arguments.body, arguments.received_at};
	const webhook::SchemeSettings settings = settings_of(server, source);
	const webhook::KeyWish wish = scheme->wish(delivery, settings);
	if (!wish.reason.empty())
		return rejected(wish.reason);
	const Keys keys = find_keys(arguments.server, source, *scheme, wish.key_id,
	                            {[&] { return scheme->flaw(delivery, settings); },
	                             [&] { return subject_of(arguments.server, source, arguments.body); }});
	if (!keys.reason.empty())
		return keys.is_final ? rejected(keys.reason) : unavailable(keys.reason);
	const webhook::Verification verification = scheme->verify(delivery, settings, {keys.text, keys.secrets});
	if (!verification.verified())
		return rejected(verification.reason);
	WebhookVerdict verdict;
	verdict.kind = Kind::verified;
	read_event(source, server, arguments.body, with_payload, &verdict);
	if (verdict.kind != Kind::verified)
		return verdict;
	if (!verification.signed_at)
		if (const std::string_view wrong = check_age(verdict.event, settings, arguments.received_at); !wrong.empty())
			return rejected(wrong);
	verdict.signed_at = time_of(verdict.event, verification, arguments.received_at);
	return verdict;
}

bool is_about_form(std::string_view why) {
	return why == reason::body_malformed || why == reason::body_too_large || why == reason::wrong_environment ||
	       why == reason::headers_malformed;
}

int status_for(const WebhookVerdict &verdict, const providers::WebhookAnswers &answers) {
	if (verdict.kind == Kind::verified)
		return answers.accepted;
	if (verdict.kind == Kind::unavailable)
		return answers.unavailable;
	return is_about_form(verdict.reason) ? answers.malformed : answers.rejected;
}

} // namespace

WebhookArguments webhook_arguments(FunctionCallInfo fcinfo, bool has_address) {
	WebhookArguments arguments;
	arguments.server = required(name_argument(fcinfo, 0), "server");
	store::check_usage(arguments.server);
	arguments.headers_json = output_argument(fcinfo, 1).value_or("{}");
	arguments.body = text_argument(fcinfo, 2).value_or("");
	arguments.method = upper(text_argument(fcinfo, 3).value_or("POST"));
	arguments.path = text_argument(fcinfo, 4).value_or("");
	arguments.received_at = time_argument(fcinfo, 5);
	if (has_address)
		arguments.remote_addr = output_argument(fcinfo, 6).value_or("");
	return arguments;
}

WebhookVerdict judge_webhook(const WebhookArguments &arguments, bool with_payload) {
	const ServerConfig server = store::server_options(arguments.server);
	const WebhookSource *source = providers::find_webhook_source(server.provider);
	if (!source)
		throw Error(ErrorCode::unsupported, "server \"" + arguments.server + "\" has no webhooks", {},
		            "Name the server of the provider that sends them.");
	WebhookVerdict verdict = judge(arguments, server, *source, with_payload);
	verdict.http_status = status_for(verdict, source->answers());
	verdict.http_unavailable = source->answers().unavailable;
	return verdict;
}

} // namespace ob::pg::sqlapi

using namespace ob::pg::sqlapi;

OB_FUNCTION(ob_webhook_verify) {
	return BoolGetDatum(judge_webhook(webhook_arguments(fcinfo, false), false).kind == WebhookVerdict::Kind::verified);
}

OB_FUNCTION(ob_webhook_check) {
	const WebhookVerdict verdict = judge_webhook(webhook_arguments(fcinfo, true), false);
	return return_row(fcinfo, {boolean_field(verdict.kind == WebhookVerdict::Kind::verified), field(verdict.reason),
	                           field(verdict.event.type), field(verdict.event.message_id)});
}
