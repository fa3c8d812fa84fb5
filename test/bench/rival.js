// The rival: a program around the official client that syncs items into a table of its own. Started as a process by
// itself with its task as JSON: table, tokens, parallel. Answers seconds, CPU with that of its backends, and its memory.
'use strict';

const http = require('http');
const { Pool } = require('pg');
const { Configuration, PlaidApi } = require('plaid');
const { kMapBuffers, timed } = require('./database');
const { cpu, peakMemory } = require('./process');

const kColumns = {
	account_id: 'text', transaction_id: 'text', status: 'text', amount: 'numeric', currency: 'text', date: 'date',
	authorized_date: 'date', booked_at: 'timestamptz', description: 'text', merchant_name: 'text', counterparty: 'text',
	category: 'text', category_detail: 'text', type: 'text', reference: 'text', pending_transaction_id: 'text',
};
const kKey = ['connection_id', 'account_id', 'transaction_id'];

function upsertInto(table) {
	const names = Object.keys(kColumns);
	const arrays = Object.values(kColumns).map((type, i) => `$${i + 2}::${type}[]`);
	const updates = names.filter((name) => !kKey.includes(name)).map((name) => `${name} = EXCLUDED.${name}`);
	return `INSERT INTO ${table} (connection_id, ${names}) SELECT $1::int8, * FROM unnest(${arrays})
		ON CONFLICT (${kKey}) DO UPDATE SET ${updates}, updated_at = clock_timestamp(), removed_at = NULL`;
}

function hasTimeOfDay(datetime) {
	return datetime && datetime.slice(11, 19) !== '00:00:00';
}

function parse(row) {
	return [
		row.account_id, row.transaction_id, row.pending ? 'pending' : 'posted', -row.amount,
		row.iso_currency_code ?? row.unofficial_currency_code, row.date, row.authorized_date,
		hasTimeOfDay(row.datetime) ? row.datetime : null, row.original_description ?? row.name, row.merchant_name,
		row.counterparties?.[0]?.name, row.personal_finance_category?.primary, row.personal_finance_category?.detailed,
		row.transaction_code ?? row.payment_channel, row.check_number ?? row.payment_meta?.reference_number,
		row.pending_transaction_id,
	];
}

function transpose(rows) {
	return Object.keys(kColumns).map((_, column) => rows.map((row) => row[column] ?? null));
}

async function syncItem(plaid, pool, upsert, connectionId, accessToken) {
	for (let cursor, more = true; more;) {
		const { data } = await plaid.transactionsSync({
			access_token: accessToken, cursor, count: 500, options: { include_original_description: true },
		});
		const columns = transpose([...data.added, ...data.modified].map(parse));
		await pool.query({ name: 'upsert', text: upsert, values: [connectionId, ...columns] });
		cursor = data.next_cursor;
		more = data.has_more;
	}
}

async function main({ table, tokens, parallel }) {
	const plaid = new PlaidApi(new Configuration({
		basePath: `${process.env.OB_SANDBOX_URL}/plaid`,
		baseOptions: {
			headers: { 'PLAID-CLIENT-ID': 'sandbox-client', 'PLAID-SECRET': 'sandbox-secret' },
			httpAgent: new http.Agent({ keepAlive: true }),
		},
	}));
	const pool = new Pool({ max: parallel, idleTimeoutMillis: 0 });
	const processes = [process.pid];
	pool.on('connect', (client) => processes.push(client.processID));
	await Promise.all(Array.from({ length: parallel }, () => pool.query(kMapBuffers)));
	const cpuOfAll = () => processes.reduce((sum, pid) => sum + cpu(pid), 0);
	const waiting = tokens.map((token, i) => [i + 1, token]);
	const worker = async () => {
		for (let next; (next = waiting.shift());)
			await syncItem(plaid, pool, upsertInto(table), ...next);
	};
	const before = cpuOfAll();
	const seconds = await timed(() => Promise.all(Array.from({ length: parallel }, worker)));
	const used = cpuOfAll() - before;
	await pool.end();
	console.log(JSON.stringify({ seconds, cpu: used, memory: peakMemory(process.pid) }));
}

main(JSON.parse(process.argv[2])).catch((error) => {
	console.error(error);
	process.exit(1);
});
