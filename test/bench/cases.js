// The cases. Each takes the sizes, measures, and adds its lines to the report.
'use strict';

const { setTimeout } = require('timers/promises');
const { bareRequests, copyStored, npmClient } = require('./contenders');
const { inSession, query, timed } = require('./database');
const { prepare } = require('./extension');
const report = require('./report');
const simulator = require('./simulator');
const { check, truth } = require('./truth');

const kTable = 'ob.transactions_all';
const kFullSync = 'CALL ob.sync_now(1, "full" => true)';
const kPage = 500;
const kLatency = 50; // ms
const kCallsOfASync = 2; // accounts, transactions; the item was asked for in the first sync
const kMegabyte = 1024 * 1024;

function expectNotice(session, words) {
	if (!session.notices.at(-1)?.includes(words))
		throw new Error(`expected "${words}", got "${session.notices.at(-1)}"`);
}

async function firstSync(rows, expected) {
	return inSession(async (session) => {
		const result = await session.measure('CALL ob.sync_now(1)');
		expectNotice(session, `complete, ${rows} added, 0 modified, 0 removed, 0 unchanged`);
		await check(session, kTable, expected);
		return result;
	});
}

/// What autovacuum does in production.
function vacuum() {
	return query((session) => session.run('VACUUM ANALYZE'));
}

/// First sync of one large connection, against COPY and the npm client.
async function a({ rows, rounds, say }) {
	const runs = { ours: [], copy: [], npm: [] };
	for (let i = 1; i <= rounds; ++i) {
		say(i);
		await prepare(1, rows);
		const expected = await truth();
		runs.ours.push(await firstSync(rows, expected));
		runs.copy.push(await copyStored(expected));
		runs.npm.push(await npmClient({ connections: 1, rows, parallel: 1 }));
	}
	report.measured('a', `first sync of ${report.number(rows)} rows`, runs.ours, rows);
	report.measured('a', 'COPY FROM of the same rows', runs.copy, rows);
	report.measured('a', 'npm client', runs.npm, rows);
	report.aimed('a', 'first sync against COPY', report.timeRatio(runs.copy, runs.ours), '>=', 0.6, report.percent, 0.8);
	report.aimed('a', 'first sync against the npm client', report.timeRatio(runs.npm, runs.ours), '>=', 2.5, report.times);
}

/// Full re-sync of one large connection in which nothing has changed.
async function b({ rows, rounds, say }) {
	await prepare(1, rows);
	const expected = await truth();
	await firstSync(rows, expected);
	await vacuum();
	const runs = await inSession(async (session) => {
		await session.run(kFullSync);
		const measured = [];
		for (let i = 1; i <= rounds; ++i) {
			say(i);
			measured.push(await session.measure(kFullSync));
			expectNotice(session, `complete, 0 added, 0 modified, 0 removed, ${rows} unchanged`);
		}
		await check(session, kTable, expected);
		return measured;
	});
	report.measured('b', `full re-sync of ${report.number(rows)} rows`, runs, rows);
	report.aimed('b', 'full re-sync, rows/s', rows / report.medianOf(runs, 'seconds'), '>=', 120_000, report.number, 250_000);
	report.aimed('b', 'full re-sync, WAL', report.medianOf(runs, 'wal'), '<=', 64 * 1024, report.bytes);
}

/// Many small connections behind a slow network, against one large one without and the npm client with many at once.
async function c({ connections, rounds, say }) {
	const rows = connections * kPage;
	const runs = { ours: [], single: [], npm: [] };
	for (let i = 1; i <= rounds; ++i) {
		say(i);
		await prepare(1, rows);
		runs.single.push(await firstSync(rows, await truth()));
		await prepare(connections, kPage);
		runs.ours.push(await syncDue(connections, await truth(), kLatency));
		runs.npm.push(await npmClient({ connections, rows: kPage, parallel: 32, latency: kLatency }));
	}
	const what = `${connections} x ${kPage} rows, ${kLatency} ms latency`;
	report.measured('c', `${what}: sync_due, 64 at once`, runs.ours, rows);
	report.measured('c', `one connection of ${report.number(rows)} rows, none`, runs.single, rows);
	report.measured('c', `${what}: npm client, 32 at once`, runs.npm, rows);
	report.aimed('c', 'time against one connection without latency', report.timeRatio(runs.ours, runs.single), '<=', 1.2,
		report.times);
	report.aimed('c', 'sync_due against the npm client', report.timeRatio(runs.npm, runs.ours), '>=', 2, report.times);
}

async function syncDue(connections, expected, latency) {
	await simulator.latency(latency);
	return inSession(async (session) => {
		const result = await session.measure('CALL ob.sync_due(parallel => 64)');
		expectNotice(session, `${connections} connections: ${connections} complete, 0 waiting, 0 deferred, 0 failed`);
		await check(session, kTable, expected);
		return result;
	});
}

/// Peak memory of a very large connection.
async function d({ manyRows, say }) {
	say(1);
	await prepare(1, manyRows);
	const expected = await truth();
	const first = await firstSync(manyRows, expected);
	await vacuum();
	const full = await inSession(async (session) => {
		const result = await session.measure(kFullSync);
		expectNotice(session, `complete, 0 added, 0 modified, 0 removed, ${manyRows} unchanged`);
		await check(session, kTable, expected);
		return result;
	});
	report.measured('d', `first sync of ${report.number(manyRows)} rows`, [first], manyRows);
	report.measured('d', `full re-sync of ${report.number(manyRows)} rows`, [full], manyRows);
	report.aimed('d', 'memory of the first sync', first.memory, '<=', 32 * kMegabyte, report.bytes);
	report.aimed('d', 'memory of the full re-sync', full.memory, '<=', 52 * kMegabyte, report.bytes);
}

/// From pg_cancel_backend to the client's error, while a bank is waited for.
async function e({ cancels, say }) {
	say(1);
	await prepare(1, 1);
	await simulator.latency(60_000);
	const runs = await query((session) => query(async (other) => {
		const measured = [];
		for (let i = 0; i < cancels; ++i)
			measured.push(await cancelWhileWaiting(session, other));
		return measured;
	}));
	report.measured('e', `cancelling a sync that waits, ${cancels} times`, runs);
	report.aimed('e', 'cancelling, median', report.medianOf(runs, 'seconds'), '<=', 0.1, report.duration);
	report.aimed('e', 'cancelling, worst', Math.max(...runs.map((run) => run.seconds)), '<=', 0.1, report.duration);
}

async function cancelWhileWaiting(session, other) {
	let outcome;
	const ended = session.run('SELECT ob.sync(1)').then(() => (outcome = 'success'), (error) => (outcome = error.code));
	const waits = `SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = ${session.pid}`;
	while (!outcome && !await other.value(waits))
		await setTimeout(10);
	// Well into the wait, not at its beginning.
	await setTimeout(50);
	const seconds = await timed(async () => {
		await other.run(`SELECT pg_cancel_backend(${session.pid})`);
		await ended;
	});
	if (outcome !== '57014')
		throw new Error(`cancelled, the sync ended with ${outcome}`);
	return { seconds };
}

/// Very many connections of which none has anything new, against a bare loop of as many requests.
async function f({ idle, rounds, say }) {
	await prepare(idle, 0);
	const everythingDue = 'UPDATE ob.sync_state SET next_sync_at = now()';
	const runs = { ours: [], bare: [] };
	await inSession(async (session) => {
		const call = 'CALL ob.sync_due(parallel => 64)';
		await session.run(call, everythingDue);
		for (let i = 1; i <= rounds; ++i) {
			say(i);
			await session.run('VACUUM ANALYZE');
			runs.ours.push(await session.measure(call));
			expectNotice(session, `${idle} connections: ${idle} complete, 0 waiting, 0 deferred, 0 failed`);
			runs.bare.push(await bareRequests(idle * kCallsOfASync, 64));
			await session.run(everythingDue);
		}
	});
	report.measured('f', `sync_due of ${report.number(idle)} connections, nothing new`, runs.ours, idle, 'connections');
	report.measured('f', `as many requests (${kCallsOfASync} each) and nothing else`, runs.bare, idle, 'connections');
	const scale = 10_000 / idle;
	report.aimed('f', 'seconds for 10,000 connections', report.medianOf(runs.ours, 'seconds') * scale, '<=', 1.5, report.duration);
	report.told('f', 'time against as many requests and nothing else', report.timeRatio(runs.ours, runs.bare), report.times);
	report.aimed('f', 'memory', report.medianOf(runs.ours, 'memory'), '<=', 32 * kMegabyte, report.bytes);
}

/// Many connections behind a very slow network, against what latency and writing take at least.
async function g({ many, rounds, say }) {
	const [rows, latency, parallel] = [100, 100, 64];
	const runs = { ours: [], single: [] };
	for (let i = 1; i <= rounds; ++i) {
		say(i);
		await prepare(1, many * rows);
		runs.single.push(await firstSync(many * rows, await truth()));
		await prepare(many, rows);
		runs.ours.push(await syncDue(many, await truth(), latency));
	}
	// Accounts and first page come side by side: one wait a connection.
	const waits = ((latency / 1000) * many) / parallel;
	const ideal = runs.single.map((run) => ({ seconds: waits + run.seconds }));
	const what = `${report.number(many)} x ${rows} rows, ${latency} ms latency`;
	report.measured('g', `${what}: sync_due, ${parallel} at once`, runs.ours, many * rows);
	report.measured('g', `one connection of ${report.number(many * rows)} rows, none`, runs.single, many * rows);
	report.aimed('g', 'time against waits and writing one after the other', report.timeRatio(runs.ours, ideal), '<=', 1.2, report.times);
	report.aimed('g', 'memory', report.medianOf(runs.ours, 'memory'), '<=', 128 * kMegabyte, report.bytes);
}

module.exports = { a, b, c, d, e, f, g, ...require('./webhook_cases') };
