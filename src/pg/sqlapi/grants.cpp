#include "pg/sqlapi/grants.hpp"

#include <algorithm>
#include <chrono>

#include "core/loop.hpp"
#include "crypto/digest.hpp"
#include "pg/locks.hpp"
#include "pg/settings.hpp"
#include "pg/store/duplicates.hpp"
#include "pg/store/outcomes.hpp"
#include "pg/store/owner.hpp"
#include "pg/worker/client.hpp"

namespace ob::pg::sqlapi {

namespace {

using providers::LinkGrant;
using store::Link;
using store::LoadedServer;
using store::Outcome;

/// What the worker made of an exchange.
Fields result_row(const std::string &result_json) {
	const auto result = json::Document::parse(result_json);
	const bool known = result.boolean("known").value_or(false);
	return connection_row(result.integer("connection_id").value(),
	                      known ? "this bank login was linked already: its connection goes on with the new token" : "");
}

// ---- another exchange ----

struct OtherExchange {
	std::optional<Outcome> same;      // of the same grant
	std::optional<Outcome> under_way; // of the same link, or of the same grant
};

OtherExchange find_other(const Link &link, const std::string &digest) {
	OtherExchange other;
	store::as_owner([&] {
		other.same = store::find_exchange(link.server, digest);
		other.under_way = store::find_open_exchange(link.link_id);
	});
	if (other.same && other.same->link_id != link.link_id)
		throw Error(ErrorCode::not_configured, "this token was exchanged already, or is being exchanged",
		            "server: " + link.server, "It belongs to another link.");
	return other;
}

/// Waits for an exchange that stands in the way of this one. The row, if that was of the same grant or cannot be waited
/// for longer; nothing if the way is free.
Task<std::optional<Fields>> wait_for_other(Link link, std::string digest) {
	using namespace std::chrono_literals;
	const auto deadline = std::chrono::steady_clock::now() + settings::claim_timeout();
	bool carried_on = false;
	for (;;) {
		const OtherExchange other = find_other(link, digest);
		if (other.same && !other.same->result_json.empty())
			co_return result_row(other.same->result_json);
		if (!other.under_way)
			co_return std::nullopt;
		const bool is_alive = is_locked(LockClass::outcome, other.under_way->id);
		if (!is_alive && carried_on)
			co_return status_row("waiting", "what became of the exchange at the provider is not known yet: ask again");
		if (is_alive && std::chrono::steady_clock::now() >= deadline)
			co_return status_row("waiting", "another session is completing this link: ask again");
		if (is_alive) {
			Sleep pause(50ms);
			co_await pause;
		} else {
			carried_on = true;
			Task<bool> recovered = worker::recover(std::nullopt, link.link_id);
			(void)co_await recovered;
		}
	}
}

// ---- duplicates ----

bool tells_accounts(const LinkGrant &grant) {
	return !grant.institution_id.empty() && !grant.accounts.empty();
}

/// An application passes on a token and nothing else; the provider knows which bank it belongs to.
Task<void> describe(Link link, LoadedServer server, std::vector<LinkGrant> *grants) {
	if (std::all_of(grants->begin(), grants->end(), tells_accounts))
		co_return;
	Secret token;
	bool matters = false;
	store::as_owner([&] { matters = store::has_connections(link.server, link.user_ref); });
	if (matters)
		store::as_owner([&] { token = store::read_link_token(link.link_id); });
	if (token.empty())
		co_return;
	providers::Journey journey;
	try {
		Task<providers::Journey> followed = follow(std::move(server), std::move(token));
		journey = co_await followed;
	} catch (const Error &) {
		// What cannot be told now is noticed after the exchange.
	}
	for (LinkGrant &grant : *grants)
		for (LinkGrant &described : journey.grants)
			if (described.value == grant.value)
				grant = described;
}

std::optional<ConnectionId> duplicate_of(const Link &link, const LinkGrant &grant) {
	store::BankLogin login;
	login.server = link.server;
	login.user_ref = link.user_ref;
	login.institution_id = grant.institution_id;
	login.accounts = grant.accounts;
	std::optional<ConnectionId> found;
	store::as_owner([&] { found = store::find_duplicate(login); });
	return found;
}

// ---- the exchange ----

void check_takes_grants(const Link &link, const GrantTerms &terms) {
	if (!link.takes_grants() || (link.expired && !terms.vouched))
		store::throw_ended(link);
}

Task<Fields> exchange_grant(Link link, LoadedServer server, LinkGrant grant, GrantTerms terms, bool keep_open) {
	const std::string digest = worker::grant_digest(grant);
	for (;;) {
		Task<std::optional<Fields>> waited = wait_for_other(link, digest);
		if (std::optional<Fields> row = co_await waited)
			co_return std::move(*row);
		link = find_link(link.link_id);
		check_takes_grants(link, terms);
		worker::Request request = worker::request_for("exchange", server, link.mapping_role);
		request.link_id = link.link_id;
		request.user_ref = link.user_ref;
		request.user_ip = terms.user_ip.empty() ? link.user_ip : terms.user_ip;
		request.keep_open = keep_open;
		worker::put_grant(&request, grant);
		Task<std::string> called = worker::call(std::move(request));
		const std::string result = co_await called;
		// Another session was faster by a hair.
		if (!worker::is_busy(result))
			co_return result_row(result);
	}
}

/// A grant among others that failed.
Fields failed_row(const Error &error) {
	const bool unknown = error.code() == ErrorCode::outcome_unknown;
	return status_row(unknown ? "waiting" : "error", error.message());
}

} // namespace

Task<providers::Journey> follow(LoadedServer server, Secret token) {
	providers::CallStats stats;
	providers::Session session = Runtime::get().session(server.config, stats);
	Task<providers::Journey> followed = server.provider->follow_link(std::move(session), std::move(token));
	co_return co_await followed;
}

Task<std::vector<Fields>> exchange_grants(Link link, LoadedServer server, std::vector<LinkGrant> grants,
                                          GrantTerms terms) {
	std::vector<std::optional<Fields>> rows(grants.size());
	std::size_t missing = 0;
	for (std::size_t i = 0; i < grants.size(); ++i) {
		Task<std::optional<Fields>> waited = wait_for_other(link, worker::grant_digest(grants[i]));
		rows[i] = co_await waited;
		missing += rows[i] ? 0 : 1;
	}
	bool refused_some = false;
	if (missing > 0) {
		link = find_link(link.link_id);
		check_takes_grants(link, terms);
		if (!terms.allow_duplicate) {
			Task<void> described = describe(link, server, &grants);
			co_await described;
			for (std::size_t i = 0; i < grants.size(); ++i) {
				if (rows[i])
					continue;
				if (const auto of = duplicate_of(link, grants[i])) {
					rows[i] = duplicate_row(*of, grants[i].institution_name);
					refused_some = true;
					--missing;
				}
			}
		}
	}
	for (std::size_t i = 0; i < grants.size(); ++i) {
		if (rows[i])
			continue;
		// The link is completed by its last grant; one that was refused as a duplicate may yet be allowed.
		const bool keep_open = --missing > 0 || refused_some;
		std::optional<Error> failure;
		try {
			Task<Fields> exchanged = exchange_grant(link, server, grants[i], terms, keep_open);
			rows[i] = co_await exchanged;
		} catch (const Error &error) {
			failure.emplace(error);
		}
		if (failure && grants.size() == 1)
			throw *failure;
		if (failure)
			rows[i] = failed_row(*failure);
	}
	std::vector<Fields> result;
	for (std::optional<Fields> &row : rows)
		result.push_back(std::move(*row));
	co_return std::move(result);
}

std::vector<Fields> exchanged_rows(const Link &link) {
	std::vector<Outcome> outcomes;
	store::as_owner([&] { outcomes = store::exchanges_of(link.link_id); });
	std::vector<Fields> rows;
	for (const Outcome &outcome : outcomes)
		rows.push_back(result_row(outcome.result_json));
	return rows;
}

} // namespace ob::pg::sqlapi
