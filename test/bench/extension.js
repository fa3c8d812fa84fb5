// The extension in the cluster: fresh for each run, linked to items of the simulator.
'use strict';

const { query } = require('./database');
const simulator = require('./simulator');

/// Simulator and extension as new, with `connections` linked banks of `rows` transactions each.
async function prepare(connections, rows) {
	await simulator.reset();
	await query(async (session) => {
		await session.run(`DROP EXTENSION IF EXISTS openbanking CASCADE;
			CREATE EXTENSION openbanking;
			CREATE SERVER plaid FOREIGN DATA WRAPPER openbanking
				OPTIONS (provider 'plaid', environment 'sandbox', client_name 'Bench', limits 'off', api_url '${simulator.url}/plaid');
			CREATE USER MAPPING FOR CURRENT_USER SERVER plaid
				OPTIONS (client_id 'sandbox-client', client_secret 'sandbox-secret');`);
		for (let n = 1; n <= connections; ++n)
			await session.rows(`SELECT ob.sandbox_link('plaid', 'user ${n}', '${JSON.stringify(simulator.bulkUser(n, rows))}')`);
	});
}

/// An empty table like the extension's. LIKE leaves the table's own storage parameters out.
async function createTableLike(session, name) {
	const options = await session.value(
		`SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = 'ob.transactions_all'::regclass`);
	await session.run(`DROP TABLE IF EXISTS ${name};
		CREATE TABLE ${name} (LIKE ob.transactions_all INCLUDING ALL) WITH (${options})`);
}

module.exports = { createTableLike, prepare };
