// Sessions in the cluster: what a statement takes in time, WAL and memory.
'use strict';

const { Client } = require('pg');
const { cpu, peakMemory } = require('./process');

/// A table larger than shared_buffers, one row a page.
const kFiller = `CREATE EXTENSION pg_prewarm;
	CREATE SCHEMA bench;
	CREATE TABLE bench.filler WITH (fillfactor = 10) AS SELECT repeat('x', 600) AS x FROM generate_series(1, 40000)`;

/// Reads more pages than there are buffers, and so maps the buffers into the backend.
const kMapBuffers = `SELECT pg_prewarm('bench.filler')`;

class Session {
	static async open() {
		const session = new Session();
		session.client = new Client();
		session.notices = [];
		session.client.on('notice', (notice) => session.notices.push(notice.message));
		await session.client.connect();
		session.pid = await session.value('SELECT pg_backend_pid()');
		return session;
	}

	close() {
		return this.client.end();
	}

	/// Runs texts of one or more statements; each text is one transaction.
	async run(...texts) {
		for (const text of texts)
			await this.client.query(text);
	}

	async value(text) {
		return (await this.rows(text))[0][0];
	}

	async rows(text) {
		return (await this.client.query({ text, rowMode: 'array' })).rows;
	}

	/// The same start for every measured session: all shared buffers mapped into the backend, so that its peak of memory
	/// is its own, and nothing left to write.
	async settle() {
		for (let i = 0; i < 3; ++i)
			await this.run(kMapBuffers);
		await this.run('CHECKPOINT');
		this.base = peakMemory(this.pid);
	}

	/// Memory is the peak since settle(), in bytes.
	async measure(text) {
		const lsn = await this.value('SELECT pg_current_wal_insert_lsn()');
		const before = cpu(this.pid);
		const seconds = await timed(() => this.client.query(text));
		const used = cpu(this.pid) - before;
		const wal = Number(await this.value(`SELECT pg_current_wal_insert_lsn() - '${lsn}'`));
		return { seconds, cpu: used, wal, memory: peakMemory(this.pid) - this.base };
	}
}

async function timed(fn) {
	const start = process.hrtime.bigint();
	await fn();
	return Number(process.hrtime.bigint() - start) / 1e9;
}

/// Opens a session, settled unless told otherwise, and closes it again.
async function inSession(fn, { settled = true } = {}) {
	const session = await Session.open();
	try {
		if (settled)
			await session.settle();
		return await fn(session);
	} finally {
		await session.close();
	}
}

/// For what is not measured.
function query(fn) {
	return inSession(fn, { settled: false });
}

function prepareCluster() {
	return query((session) => session.run(kFiller, 'VACUUM bench.filler'));
}

module.exports = { inSession, kMapBuffers, prepareCluster, query, timed };
