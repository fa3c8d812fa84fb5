#include "pg/store/client_checks.hpp"

extern "C" {
#include "access/xact.h"
}

#include <chrono>
#include <functional>
#include <map>

#include "core/secret.hpp"
#include "crypto/digest.hpp"
#include "pg/guard.hpp"
#include "pg/locks.hpp"
#include "pg/store/audit.hpp"
#include "pg/store/error_json.hpp"
#include "pg/store/owner.hpp"
#include "pg/store/sql.hpp"
#include "pg/transaction.hpp"
#include "json/document.hpp"

namespace ob::pg::store {

namespace {

using std::chrono::steady_clock;

/// What another process finds out during a statement is noticed within so long.
constexpr std::chrono::seconds kLookEvery{1};

std::string to_json(const ProviderError &error) {
	json::Object object = error_object(error);
	object.set_if("code", error.provider_code());
	return std::string(object.dump());
}

ProviderError from_json(std::string_view text) {
	const auto document = json::Document::parse(text);
	const Error error = error_from(document.root());
	return ProviderError(error.code(), Reaction::configuration, std::string(document.text("code")), error.message(),
	                     error.detail(), error.hint());
}

class ClientGate final : public providers::SecretGate {
public:
	// Everybody sees the ids of locks: nothing of the secret is in it.
	explicit ClientGate(Client client)
	    : client_(std::move(client)), lock_id_(static_cast<std::int64_t>(std::hash<std::string>{}(client_.server))) {}

	const Client &client() const { return client_; }
	bool is_known() const { return known_; }
	void set_known() { known_ = true; }

	/// Once a statement, and now and then in a long one.
	void look() {
		const TimestampTz statement = GetCurrentStatementStartTimestamp();
		const auto now = steady_clock::now();
		if (statement == looked_in_ && now - looked_at_ < kLookEvery)
			return;
		read();
		looked_in_ = statement;
		looked_at_ = now;
	}

private:
	void read() {
		static Statement select("SELECT refusal FROM ob.client_checks WHERE server = $1 AND digest = $2");
		Result found;
		as_owner([&] { found = select.read_fresh({Param::name(client_.server), Param::text(client_.digest)}); });
		known_ = !found.rows.empty();
		if (!known_)
			forget();
		else if (found.rows.front().is_null(0))
			learn_taken();
		else
			learn_refused(from_json(found.rows.front().text(0)));
	}
	Task<bool> keep(ProviderError error) override { return keep_refusal(client_, to_json(error)); }

	// Two gates of one process may want the same lock, one of them in a loop within the other's: that one does not
	// wait.
	bool lead() override {
		if (leader_)
			return true;
		if (!try_lock(LockClass::client, lock_id_, LockScope::session))
			return false;
		leader_ = this;
		if (guard([] { return IsTransactionState(); }))
			read();
		else
			transaction([&] { read(); });
		return true;
	}
	void yield() noexcept override {
		if (leader_ != this)
			return;
		leader_ = nullptr;
		unlock_session(LockClass::client, lock_id_);
	}

	inline static const ClientGate *leader_ = nullptr; // of this process's gates
	const Client client_;
	const std::int64_t lock_id_;
	bool known_ = false; // the table has a row
	TimestampTz looked_in_ = 0;
	steady_clock::time_point looked_at_;
};

std::map<std::string, std::shared_ptr<ClientGate>> &gates() {
	static std::map<std::string, std::shared_ptr<ClientGate>> all;
	return all;
}

} // namespace

// A plain digest, to find the same credentials under whatever mapping and key: providers make secrets up at random
// (Plaid: 120 bits), so nobody finds one by trying. Only the owner and superusers can read it all the same.
Client client_of(const providers::ServerConfig &config, std::string_view mapping_role) {
	WipedString text;
	const auto add = [&](std::string_view part) { text.append(std::to_string(part.size())).append(":").append(part); };
	for (const char *option : {"environment", "region", "api_url", "auth_url"})
		add(config.option(option));
	for (const auto &[name, value] : config.credentials) {
		add(name);
		add(value.reveal());
	}
	return {config.name, std::string(mapping_role), crypto::sha256_hex(text)};
}

std::shared_ptr<providers::SecretGate> client_gate(Client client) {
	std::shared_ptr<ClientGate> &gate = gates()[client.server + " " + client.digest];
	if (!gate)
		gate = std::make_shared<ClientGate>(std::move(client));
	gate->look();
	return gate;
}

void record_refusal(const Client &client, std::string_view error_json, std::string_view acting_json) {
	static Statement upsert(
	    "INSERT INTO ob.client_checks (server, digest, mapping_role, refused_at, refusal) "
	    "VALUES ($1, $2, $3, clock_timestamp(), $4::jsonb) ON CONFLICT (server, digest) "
	    "DO UPDATE SET refused_at = excluded.refused_at, refusal = excluded.refusal, checked_at = clock_timestamp()");
	upsert.run({Param::name(client.server), Param::text(client.digest), Param::name(client.mapping_role),
	            Param::text(error_json)});
	json::Object details;
	details.set("mapping_role", client.mapping_role).set("code", json::Document::parse(error_json).text("code"));
	const std::string text(details.dump());
	audit({.action = "CREDENTIALS_REFUSED",
	       .server = client.server,
	       .success = false,
	       .details_json = text,
	       .acting_json = acting_json});
}

std::vector<Client> refused_clients(const std::vector<std::string> &servers) {
	static Statement select("SELECT server, mapping_role, digest FROM ob.client_checks "
	                        "WHERE refused_at IS NOT NULL AND server::text = ANY ($1)");
	std::vector<Client> clients;
	for (const Row &row : select.read_fresh({Param::text_array(servers)}).rows)
		clients.push_back({row.text(0), row.text(1), row.text(2)});
	return clients;
}

bool lift_refusal(const Client &client) {
	static Statement lift("DELETE FROM ob.client_checks WHERE server = $1 AND digest = $2 AND refused_at IS NOT NULL "
	                      "RETURNING refusal ->> 'code'");
	// Several roles may share a mapping; those that do not are refused without a call. Rows that someone holds are
	// being synced.
	static Statement make_due(
	    "UPDATE ob.sync_state SET next_sync_at = clock_timestamp() WHERE connection_id IN "
	    "(SELECT s.connection_id FROM ob.sync_state s JOIN ob.connections c ON c.id = s.connection_id "
	    "WHERE c.server = $1 AND c.error_code = $2 AND c.state = 'active' AND s.next_sync_at > clock_timestamp() "
	    "FOR UPDATE OF s SKIP LOCKED)");
	const Result lifted = lift.run({Param::name(client.server), Param::text(client.digest)});
	if (lifted.rows.empty())
		return false;
	make_due.run({Param::name(client.server), Param::text(lifted.rows.front().text(0))});
	return true;
}

std::vector<Client> taken_clients() {
	std::vector<Client> clients;
	for (const auto &[name, gate] : gates())
		if (gate->is_taken() && !gate->is_known()) {
			clients.push_back(gate->client());
			gate->set_known();
		}
	return clients;
}

void record_taken(const Client &client) {
	static Statement insert("INSERT INTO ob.client_checks (server, digest, mapping_role) VALUES ($1, $2, $3) "
	                        "ON CONFLICT (server, digest) DO NOTHING");
	static Statement forget_former(
	    "DELETE FROM ob.client_checks WHERE server = $1 AND digest <> $2 AND mapping_role = $3");
	insert.run({Param::name(client.server), Param::text(client.digest), Param::name(client.mapping_role)});
	forget_former.run({Param::name(client.server), Param::text(client.digest), Param::name(client.mapping_role)});
}

} // namespace ob::pg::store
