// The rivals, measured on the tables' own terms: COPY, a program around the official npm client, and curl.
'use strict';

const { execFile } = require('child_process');
const fs = require('fs/promises');
const path = require('path');
const { promisify } = require('util');
const { inSession, query, timed } = require('./database');
const { createTableLike } = require('./extension');
const simulator = require('./simulator');
const { check, truth } = require('./truth');

/// Text COPY of what the sync has stored, from a file of the server's into a table like the extension's.
async function copyStored(expected) {
	const file = path.join(process.env.PGHOST, 'transactions.copy');
	await query(async (session) => {
		await createTableLike(session, 'bench.copied');
		await session.run(`COPY ob.transactions_all TO '${file}'`);
	});
	return inSession(async (session) => {
		const result = await session.measure(`COPY bench.copied FROM '${file}'`);
		await check(session, 'bench.copied', expected);
		return result;
	});
}

/// The npm client syncs `connections` items of `rows` transactions, `parallel` at once.
async function npmClient({ connections, rows, parallel, latency = 0 }) {
	await simulator.reset();
	const tokens = await simulator.createItems(connections, rows);
	await simulator.latency(latency);
	return inSession(async (session) => {
		await createTableLike(session, 'bench.npm');
		const task = { table: 'bench.npm', tokens, parallel };
		const lsn = await session.value('SELECT pg_current_wal_insert_lsn()');
		const { stdout } = await promisify(execFile)(
			process.execPath, [path.join(__dirname, 'rival.js'), JSON.stringify(task)]);
		const wal = Number(await session.value(`SELECT pg_current_wal_insert_lsn() - '${lsn}'`));
		await check(session, 'bench.npm', await truth());
		return { ...JSON.parse(stdout), wal };
	});
}

/// So many requests by curl, `parallel` at once, each for the item that has been linked first.
async function bareRequests(count, parallel) {
	const [token] = await simulator.createItems(1, 0);
	const body = JSON.stringify({ client_id: 'sandbox-client', secret: 'sandbox-secret', access_token: token });
	const config = path.join(process.env.PGHOST, 'requests.curl');
	const request = `url = "${simulator.url}/plaid/item/get"\noutput = "/dev/null"\n`;
	await fs.writeFile(config, request.repeat(count));
	const seconds = await timed(() => promisify(execFile)('curl', ['--silent', '--fail', '--parallel', '--parallel-max', `${parallel}`,
		'--header', 'Content-Type: application/json', '--data', body, '--config', config]));
	return { seconds };
}

module.exports = { bareRequests, copyStored, npmClient };
