// The cases. Each takes the sizes, measures, and adds its lines to the report.
'use strict';

const { copyStored, npmClient } = require('./contenders');
const { inSession, query } = require('./database');
const { prepare } = require('./extension');
const report = require('./report');
const { check, truth } = require('./truth');

const kTable = 'ob.transactions_all';

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
	report.measured('a', `first sync of ${report.number(rows)} rows`, rows, runs.ours);
	report.measured('a', 'COPY FROM of the same rows', rows, runs.copy);
	report.measured('a', 'npm client', rows, runs.npm);
	report.aimed('a', 'first sync against COPY', report.timeRatio(runs.copy, runs.ours), '>=', 0.6, report.percent, 0.8);
	report.aimed('a', 'first sync against the npm client', report.timeRatio(runs.npm, runs.ours), '>=', 2.5, report.times);
}

/// Full re-sync of one large connection in which nothing has changed.
async function b({ rows, rounds, say }) {
	await prepare(1, rows);
	const expected = await truth();
	await query((session) => session.run('CALL ob.sync_now(1)', 'VACUUM ANALYZE'));
	const runs = await inSession(async (session) => {
		const full = 'CALL ob.sync_now(1, "full" => true)';
		await session.run(full);
		const measured = [];
		for (let i = 1; i <= rounds; ++i) {
			say(i);
			measured.push(await session.measure(full));
			expectNotice(session, `complete, 0 added, 0 modified, 0 removed, ${rows} unchanged`);
		}
		await check(session, kTable, expected);
		return measured;
	});
	report.measured('b', `full re-sync of ${report.number(rows)} rows`, rows, runs);
	report.aimed('b', 'full re-sync, rows/s', rows / report.medianOf(runs, 'seconds'), '>=', 120_000, report.number, 250_000);
	report.aimed('b', 'full re-sync, WAL', report.medianOf(runs, 'wal'), '<=', 64 * 1024, report.bytes);
}

module.exports = { a, b };
