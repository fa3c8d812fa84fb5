#include "pg/sqlapi/grants.hpp"

extern "C" {
#include "access/xact.h"
}

#include <algorithm>
#include <array>
#include <chrono>

#include "core/loop.hpp"
#include "crypto/digest.hpp"
#include "pg/locks.hpp"
#include "pg/settings.hpp"
#include "pg/sqlapi/journey.hpp"
#include "pg/store/duplicates.hpp"
#include "pg/store/links.hpp"
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
	std::string notice;
	if (const auto relinked = result.boolean("relinked"); relinked && !*relinked)
		notice =
		    "the user has logged in to another bank or account than that of the connection that was to be repaired";
	else if (!relinked && result.boolean("known").value_or(false))
		notice = "this bank login was linked already: its connection goes on with the new token";
	// With nothing to renew it with.
	if (result.boolean("expires").value_or(false))
		notice += std::string(notice.empty() ? "" : "; ") +
		          "lasting access was not granted: the user has to log in again when the access token is over";
	return connection_row(result.integer("connection_id").value(), std::move(notice));
}

// ---- another exchange ----

struct OtherExchange {
	std::optional<Outcome> same;      // of the same grant
	std::optional<Outcome> under_way; // of the same link, or of the same grant
};

OtherExchange find_other(const Link &link, const std::string &digest) {
	OtherExchange other;
	store::as_owner([&] {
		if (!digest.empty())
			other.same = store::find_exchange(link.server, digest);
		other.under_way = store::find_open_exchange(link.link_id);
	});
	if (other.same && other.same->link_id != link.link_id)
		throw Error(ErrorCode::not_configured, "this token was exchanged already, or is being exchanged",
		            "server: " + link.server, "It belongs to another link.");
	return other;
}

/// Waits for an exchange that stands in the way of this one (no digest: of whatever comes). The row, if that was of the
/// same grant or cannot be waited for longer; nothing if the way is free.
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

/// Takes over what the provider tells of the grants, which an application need not know; whether it named all of them.
Task<bool> describe(Link link, LoadedServer server, std::vector<LinkGrant> *grants) {
	Secret token;
	store::as_owner([&] { token = store::read_link_token(link.link_id); });
	if (token.empty())
		co_return false;
	Task<providers::Journey> followed = follow(std::move(server), std::move(token));
	const providers::Journey journey = co_await followed;
	std::size_t named = 0;
	for (LinkGrant &grant : *grants) {
		const auto of_journey = std::find_if(journey.grants.begin(), journey.grants.end(),
		                                     [&](const LinkGrant &other) { return other.value == grant.value; });
		if (of_journey == journey.grants.end())
			continue;
		grant = *of_journey;
		++named;
	}
	co_return named == grants->size();
}

/// An application passes on a token and nothing else; the provider knows which bank it belongs to.
Task<void> describe_for_duplicates(Link link, LoadedServer server, std::vector<LinkGrant> *grants) {
	bool matters = !std::all_of(grants->begin(), grants->end(), tells_accounts);
	if (matters)
		store::as_owner([&] { matters = store::has_connections(link.server, link.user_ref); });
	if (!matters)
		co_return;
	try {
		Task<bool> described = describe(std::move(link), std::move(server), grants);
		(void)co_await described;
	} catch (const Error &) {
		// What cannot be told now is noticed after the exchange.
	}
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

/// Whether something new may come of the link. A user may finish in time and be heard of too late: what the provider
/// names as the link's is good after its expiry too.
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
		if (link.kind == "relink")
			request.connection = link.connection;
		worker::put_grant(&request, grant);
		Task<std::string> called = worker::call(std::move(request));
		const std::string result = co_await called;
		// Another session was faster by a hair.
		if (!worker::is_busy(result))
			co_return result_row(result);
	}
}

/// A grant among others that failed: for good, or to be tried again.
Fields failed_row(const Error &error) {
	constexpr std::array kForGood{ErrorCode::refused, ErrorCode::not_allowed, ErrorCode::not_found,
	                              ErrorCode::invalid_argument, ErrorCode::reauth_required};
	if (std::find(kForGood.begin(), kForGood.end(), error.code()) != kForGood.end())
		return status_row("error", error.message());
	return status_row("waiting", error.message() + ": ask again");
}

// ---- several ----

/// The grants of one call with their rows, as far as they have one.
struct Batch {
	Link link;
	LoadedServer server;
	std::vector<LinkGrant> grants;
	GrantTerms terms;
	std::vector<std::optional<Fields>> rows;

	bool misses_some() const { return std::count(rows.begin(), rows.end(), std::nullopt) > 0; }
};

/// More may come of a grant: it has its turn yet, or is asked for again, or was refused as a duplicate and may be
/// allowed.
bool is_unsettled(const std::optional<Fields> &row) {
	if (!row)
		return true;
	const std::string status = row->at(1).value_or("");
	return status == "waiting" || status == "duplicate";
}

Task<void> take_known(Batch *batch) {
	for (const LinkGrant &grant : batch->grants) {
		Task<std::optional<Fields>> waited = wait_for_other(batch->link, worker::grant_digest(grant));
		batch->rows.push_back(co_await waited);
	}
}

/// Looked for before each exchange: the one before may have brought the same bank.
bool refuse_duplicate(Batch *batch, std::size_t i) {
	const auto of = duplicate_of(batch->link, batch->grants[i]);
	if (!of)
		return false;
	batch->rows[i] = duplicate_row(*of, batch->grants[i].institution_name);
	if (!XactReadOnly)
		store::as_owner([&] { store::mark_refused(batch->link.link_id, "duplicate"); });
	return true;
}

Task<void> exchange_rest(Batch *batch) {
	for (std::size_t i = 0; i < batch->grants.size(); ++i) {
		if (batch->rows[i] || (!batch->terms.allow_duplicate && refuse_duplicate(batch, i)))
			continue;
		// The link is completed by its last grant, which is not settled itself so far.
		const bool keep_open = std::count_if(batch->rows.begin(), batch->rows.end(), is_unsettled) > 1;
		std::optional<Error> failure;
		try {
			Task<Fields> exchanged =
			    exchange_grant(batch->link, batch->server, batch->grants[i], batch->terms, keep_open);
			batch->rows[i] = co_await exchanged;
		} catch (const Error &error) {
			failure.emplace(error);
		}
		if (failure && batch->grants.size() == 1)
			throw *failure;
		if (failure)
			batch->rows[i] = failed_row(*failure);
	}
}

/// The worker completes a link with the last of its grants. If that one came to nothing, or was exchanged before the
/// others were settled, it is done here.
void complete_link(const Batch &batch) {
	if (batch.grants.size() == 1 || XactReadOnly || std::any_of(batch.rows.begin(), batch.rows.end(), is_unsettled))
		return;
	const auto linked = std::find_if(batch.rows.begin(), batch.rows.end(),
	                                 [](const std::optional<Fields> &row) { return row->front().has_value(); });
	if (linked == batch.rows.end() || find_link(batch.link.link_id).state == "completed")
		return;
	const ConnectionId first = std::stoll(*(*linked)->front());
	store::as_owner([&] { store::complete_link(batch.link.link_id, first); });
}

} // namespace

Task<std::vector<Fields>> exchange_grants(Link link, LoadedServer server, std::vector<LinkGrant> grants,
                                          GrantTerms terms) {
	Batch batch;
	batch.link = std::move(link);
	batch.server = std::move(server);
	batch.grants = std::move(grants);
	batch.terms = std::move(terms);
	Task<void> known = take_known(&batch);
	co_await known;
	if (batch.misses_some()) {
		batch.link = find_link(batch.link.link_id);
		if (batch.link.expired && !batch.terms.vouched) {
			Task<bool> described = describe(batch.link, batch.server, &batch.grants);
			batch.terms.vouched = co_await described;
		}
		check_takes_grants(batch.link, batch.terms);
		if (!batch.terms.allow_duplicate) {
			Task<void> described = describe_for_duplicates(batch.link, batch.server, &batch.grants);
			co_await described;
		}
		Task<void> exchanged = exchange_rest(&batch);
		co_await exchanged;
	}
	complete_link(batch);
	std::vector<Fields> rows;
	for (std::optional<Fields> &row : batch.rows)
		rows.push_back(std::move(*row));
	co_return std::move(rows);
}

Task<std::optional<Fields>> wait_for_exchange(Link link) {
	Task<std::optional<Fields>> waited = wait_for_other(std::move(link), {});
	co_return co_await waited;
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
