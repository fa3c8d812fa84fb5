#include "pg/worker/established.hpp"

#include <exception>

#include "pg/log.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/duplicates.hpp"
#include "pg/store/links.hpp"
#include "pg/store/servers.hpp"
#include "pg/store/tokens.hpp"
#include "pg/subxact.hpp"
#include "pg/worker/message.hpp"
#include "pg/worker/steps.hpp"
#include "providers/row_identity.hpp"
#include "json/document.hpp"

namespace ob::pg::worker {

namespace {

void audit_established(const store::Outcome &outcome, ConnectionId id, bool is_new, const Request &facts,
                       const std::string &request_id) {
	store::AuditLine line{.action = "TOKEN_EXCHANGED",
	                      .connection = id,
	                      .server = outcome.server,
	                      .request_id = request_id,
	                      .user_ip = facts.user_ip,
	                      .acting_json = facts.acting_json};
	store::audit(line);
	line.action = is_new ? "CONNECTED" : "REAUTHORIZED";
	line.request_id = {};
	store::audit(line);
}

/// The connection that the user was to log in for again, if that is what he did. The provider may call it by another id
/// now; another bank, or another login at the same one, is a connection of its own.
std::optional<ConnectionId> find_relinked(const store::Outcome &outcome, const store::NewConnection &fresh) {
	if (!outcome.connection)
		return std::nullopt;
	store::BankLogin login;
	login.server = fresh.server;
	login.user_ref = fresh.user_ref;
	login.institution_id = fresh.look.health.institution_id;
	if (fresh.look.accounts)
		for (const Account &account : fresh.look.accounts->accounts)
			login.accounts.push_back({account.name, account.mask});
	for (const providers::AccountNumber &number : fresh.look.numbers)
		if (auto key = providers::number_key(number))
			login.numbers.push_back(std::move(*key));
	return store::is_login_of(login, *outcome.connection) ? outcome.connection : std::nullopt;
}

/// Where a grant's connection is one already; its row changes once the caller's transaction has ended.
struct Known {
	ConnectionId id = 0;
	bool renamed = false; // by the provider
};

std::optional<Known> find_known(const store::Outcome &outcome, const store::NewConnection &fresh) {
	if (const auto same = store::find_known(fresh))
		return Known{*same};
	if (const auto relinked = find_relinked(outcome, fresh))
		return Known{*relinked, true};
	return std::nullopt;
}

Done connect(const store::Outcome &outcome, const providers::Established &established, const store::FirstLook &look) {
	const Request facts = Request::from_json(outcome.request_json);
	store::NewConnection fresh;
	fresh.server = outcome.server;
	fresh.provider = store::provider_of(outcome.server);
	fresh.user_ref = facts.user_ref;
	fresh.mapping_role = outcome.mapping_role;
	fresh.user_ip = facts.user_ip;
	fresh.established = established;
	fresh.look = look;
	std::optional<Known> known = find_known(outcome, fresh);
	std::optional<ConnectionId> inserted;
	if (!known && !(inserted = store::insert_connection(fresh)))
		known = find_known(outcome, fresh); // linked by another journey a moment ago
	const ConnectionId id = inserted ? *inserted : known.value().id;
	if (!inserted)
		store::save_tokens(outcome.server, store::token_subject(id), established.credentials, established.expires_at);
	if (!facts.keep_open)
		store::complete_link(outcome.link_id, id);
	audit_established(outcome, id, inserted.has_value(), facts, established.request_id);
	json::Object object;
	object.set("connection_id", id).set("known", !inserted);
	if (established.expires_at && !established.credentials.contains("refresh_token"))
		object.set("expires", true);
	if (outcome.connection)
		object.set("relinked", id == *outcome.connection);
	if (known && known->renamed)
		object.set("provider_connection_id", established.provider_connection_id);
	Done done;
	done.result_json = object.dump();
	if (inserted) {
		store::set_done(outcome.id, done.result_json);
	} else {
		store::set_recorded(outcome.id, id, done.result_json);
		done.to_apply = outcome.id;
	}
	return done;
}

} // namespace

Done establish(const store::Outcome &outcome, const providers::Established &established, const store::FirstLook &look) {
	Done done;
	std::exception_ptr failure;
	try {
		subtransaction([&] { done = connect(outcome, established, look); });
	} catch (const store::LinkedElsewhere &) {
		throw;
	} catch (...) {
		failure = std::current_exception();
	}
	if (!failure)
		return done;
	if (trouble_of(failure) == Trouble::passing)
		std::rethrow_exception(failure);
	log_failure("what was read of the bank of outcome " + std::to_string(outcome.id) + " is left out", failure);
	return connect(outcome, established, store::FirstLook());
}

} // namespace ob::pg::worker
