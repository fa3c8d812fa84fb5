// The cases of webhooks: how fast signatures are checked, and how fast deliveries are taken in.
'use strict';

const { execFile } = require('child_process');
const { createHash } = require('crypto');
const fs = require('fs/promises');
const path = require('path');
const { pathToFileURL } = require('url');
const { promisify } = require('util');
const { inSession, query } = require('./database');
const { createTableLike, prepare } = require('./extension');
const report = require('./report');
const simulator = require('./simulator');

const run = promisify(execFile);
const kConnections = 100;
const kBatch = 100; // checks in one statement, where the statement itself is not to be measured

/// `count` deliveries in the table bench.deliveries, each signed and of a body of its own, in turn for each connection.
async function prepareDeliveries(count) {
	await query(async (session) => {
		await session.run(`DROP TABLE IF EXISTS bench.deliveries;
			CREATE TABLE bench.deliveries (id int PRIMARY KEY, connection_id bigint, headers jsonb, body bytea)`);
		const items = await session.rows('SELECT id, provider_connection_id FROM ob.connections ORDER BY id');
		for (let id = 1; id <= count; ++id) {
			const [connection, item] = items[id % items.length];
			const body = JSON.stringify({ environment: 'sandbox', historical_update_complete: true, initial_update_complete: true, item_id: item,
				user_id: `user ${id}`, webhook_code: 'SYNC_UPDATES_AVAILABLE', webhook_type: 'TRANSACTIONS' }, null, 2);
			const headers = { 'plaid-verification': await simulator.sign(body), 'content-type': 'application/json' };
			await session.client.query('INSERT INTO bench.deliveries VALUES ($1, $2, $3, $4)',
				[id, connection, JSON.stringify(headers), Buffer.from(body)]);
		}
		await session.run('VACUUM ANALYZE bench.deliveries', `SELECT ob.webhook_verify('plaid', headers, body) FROM bench.deliveries WHERE id = 1`);
	});
}

/// A pgbench script, run `times` times by so many clients; without the time they need to connect.
async function pgbench(name, script, clients, times) {
	const file = path.join(process.env.PGHOST, `${name}.sql`);
	await fs.writeFile(file, script);
	const { stdout } = await run('pgbench', ['--no-vacuum', '--protocol=prepared', `--client=${clients}`, '--jobs=1',
		`--transactions=${Math.floor(times / clients)}`, `--file=${file}`]);
	const failed = Number(/number of failed transactions: (\d+)/.exec(stdout)[1]);
	if (failed)
		throw new Error(`${failed} transactions of ${name} failed`);
	const rate = Number(/^tps = ([\d.]+)/m.exec(stdout)[1]);
	return { seconds: times / rate };
}

const kVerify = `\\set id random(1, :count)
SELECT count(*) FROM bench.deliveries WHERE id BETWEEN :id AND :id + ${kBatch - 1} AND ob.webhook_verify('plaid', headers, body);
`;

/// As many checks by so many sessions at once, the statements around them apart.
function checks(count, clients) {
	return pgbench('verify', kVerify.replace(':count', `${count - kBatch + 1}`), clients, count / kBatch);
}

/// CPU time of all deliveries checked by one statement.
async function checksOfOneStatement() {
	return inSession(async (session) => {
		const { cpu } = await session.measure(`SELECT count(*) FROM bench.deliveries WHERE ob.webhook_verify('plaid', headers, body)`);
		return { seconds: cpu };
	});
}

/// CPU time of as many verifications, as OpenSSL itself tells it.
async function opensslChecks(count) {
	const { stdout } = await run('openssl', ['speed', '-seconds', '1', 'ecdsap256']);
	const [, rate] = /\(nistp256\)\s+\S+\s+\S+\s+[\d.]+\s+([\d.]+)/.exec(stdout);
	return { seconds: count / Number(rate) };
}

/// The same deliveries checked by the npm package jose, body digest included, with the key at hand; CPU time.
async function joseChecks() {
	const { compactVerify, importJWK } = await import(pathToFileURL(require.resolve('jose')).href); // an ES module
	const [rows, jwk] = await query(async (session) => [
		await session.rows('SELECT headers, body FROM bench.deliveries'),
		await session.value('SELECT key FROM ob.webhook_keys WHERE key IS NOT NULL'),
	]);
	const key = await importJWK(typeof jwk === 'string' ? JSON.parse(jwk) : jwk, 'ES256');
	const before = process.cpuUsage();
	for (const [headers, body] of rows) {
		const { payload } = await compactVerify(headers['plaid-verification'], key, { algorithms: ['ES256'] });
		if (JSON.parse(Buffer.from(payload)).request_body_sha256 !== createHash('sha256').update(body).digest('hex'))
			throw new Error('jose refuses what the simulator has signed');
	}
	const { user, system } = process.cpuUsage(before);
	return { seconds: (user + system) / 1e6 };
}

/// Checks of Plaid's signature in SQL, against OpenSSL alone and against jose.
async function h({ deliveries, rounds, say }) {
	await prepare(kConnections, 0);
	const runs = { ours: [], openssl: [], jose: [] };
	for (let i = 1; i <= rounds; ++i) {
		say(i);
		await prepareDeliveries(deliveries);
		runs.ours.push(await checksOfOneStatement());
		runs.openssl.push(await opensslChecks(deliveries));
		runs.jose.push(await joseChecks());
	}
	report.measured('h', `${report.number(deliveries)} signatures checked in SQL, CPU time`, runs.ours, deliveries, 'checks');
	report.measured('h', 'openssl speed, verification alone, CPU time', runs.openssl, deliveries, 'checks');
	report.measured('h', 'npm package jose, CPU time', runs.jose, deliveries, 'checks');
	report.aimed('h', 'checks against openssl speed', report.timeRatio(runs.openssl, runs.ours), '>=', 0.7, report.percent);
	report.told('h', 'checks against jose', report.timeRatio(runs.jose, runs.ours), report.times);
}

const kNext = `(SELECT nextval('bench.delivery'))`;

const kReceive = `SELECT r.* FROM bench.deliveries d, ob.webhook_receive('plaid', d.headers, d.body) r WHERE d.id = ${kNext};
`;

/// The least that a receiver does who keeps what came and makes its connection due. What is asked of ob.webhook_receive
/// besides is not in it: a line of the audit log, whose connection it is and in which state, room for what it meets locked.
const kBareReceive = `WITH d AS MATERIALIZED (SELECT * FROM bench.deliveries WHERE id = ${kNext}), kept AS (
	INSERT INTO bench.webhook_events (server, event_type, connection_id, digest, headers, payload, verified, status, http_status)
	SELECT 'plaid', 'TRANSACTIONS.SYNC_UPDATES_AVAILABLE', connection_id, encode(sha256(body), 'hex'), headers,
		convert_from(body, 'UTF8')::jsonb, true, 'processed', 200 FROM d)
UPDATE bench.sync_state s SET next_sync_at = now() FROM d WHERE s.connection_id = d.connection_id;
`;

async function received(count, clients) {
	await query((session) => session.run('TRUNCATE ob.webhook_events', 'VACUUM ANALYZE ob.sync_state',
		'CREATE SEQUENCE IF NOT EXISTS bench.delivery', 'ALTER SEQUENCE bench.delivery RESTART', 'CHECKPOINT'));
	const result = await pgbench('receive', kReceive, clients, count);
	await query(async (session) => {
		const kept = Number(await session.value('SELECT count(*) FROM ob.webhook_events WHERE verified'));
		if (kept !== count)
			throw new Error(`of ${count} deliveries ${kept} were kept`);
	});
	return result;
}

async function keptBare(count, clients) {
	await query(async (session) => {
		for (const name of ['webhook_events', 'sync_state']) {
			await session.run(`DROP TABLE IF EXISTS bench.${name}; CREATE TABLE bench.${name} (LIKE ob.${name} INCLUDING ALL)`);
		}
		await session.run('INSERT INTO bench.sync_state OVERRIDING SYSTEM VALUE SELECT * FROM ob.sync_state', 'VACUUM ANALYZE bench.sync_state',
			'CREATE SEQUENCE IF NOT EXISTS bench.delivery', 'ALTER SEQUENCE bench.delivery RESTART', 'CHECKPOINT');
	});
	return pgbench('keep', kBareReceive, clients, count);
}

/// Deliveries taken in, against an insert and an update of the same rows and the check, one after the other.
async function i({ deliveries, rounds, say }) {
	await prepare(kConnections, 0);
	for (const clients of [1, 8]) {
		const runs = { ours: [], kept: [], checked: [] };
		for (let round = 1; round <= rounds; ++round) {
			say(round);
			await prepareDeliveries(deliveries);
			runs.ours.push(await received(deliveries, clients));
			runs.kept.push(await keptBare(deliveries, clients));
			runs.checked.push(await checks(deliveries, clients));
		}
		const least = runs.kept.map((kept, n) => ({ seconds: kept.seconds + runs.checked[n].seconds }));
		const who = clients === 1 ? 'one client' : `${clients} clients`;
		report.measured('i', `${report.number(deliveries)} deliveries received, ${who}`, runs.ours, deliveries, 'deliveries');
		report.measured('i', `insert and update alone, ${who}`, runs.kept, deliveries, 'deliveries');
		report.measured('i', `checks alone, ${who}`, runs.checked, deliveries, 'checks');
		report.aimed('i', `deliveries against both one after the other, ${who}`, report.timeRatio(least, runs.ours), '>=', 0.75, report.percent);
	}
}

module.exports = { h, i };
