// Which client credentials providers have refused (table ob.client_checks), for all processes and over restarts. C++
// regime.
#pragma once

#include "pg/postgres.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/task.hpp"
#include "providers/provider.hpp"
#include "providers/secret_gate.hpp"

namespace ob::pg::store {

/// Credentials as they are sent for a role. Their digest also says to whom: in another environment they are others.
struct Client {
	std::string server;
	std::string mapping_role;
	std::string digest;
};

Client client_of(const providers::ServerConfig &config, std::string_view mapping_role);

/// The process's gate for these credentials, with what the table says of them now. Inside a transaction.
std::shared_ptr<providers::SecretGate> client_gate(Client client);

/// Records a refusal surely, whatever becomes of the present transaction; false if that cannot be. Defined above the
/// store, where there is a worker for that.
Task<bool> keep_refusal(Client client, std::string error_json);

// As owner:

void record_refusal(const Client &client, std::string_view error_json, std::string_view acting_json);
/// The refused ones of these servers.
std::vector<Client> refused_clients(const std::vector<std::string> &servers);
/// These may be sent again, and the connections that they had failed are due now. False if they were not refused.
bool lift_refusal(const Client &client);

/// What this process has seen accepted and the table does not know yet: nobody need try that with care any more.
std::vector<Client> taken_clients();
void record_taken(const Client &client);

} // namespace ob::pg::store
