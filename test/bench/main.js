// Benchmarks: main.js [--quick] [--rounds N] [CASE…]. Run by scripts/bench, in a cluster and with a simulator of its own.
'use strict';

const { parseArgs } = require('util');
const cases = require('./cases');
const { prepareCluster } = require('./database');
const { report } = require('./report');

const kFull = { rows: 100_000, connections: 200, manyRows: 1_000_000, cancels: 20, idle: 10_000, many: 1000, deliveries: 8000 };
const kQuick = { rows: 20_000, connections: 40, manyRows: 100_000, cancels: 5, idle: 1000, many: 200, deliveries: 1600 };

async function main() {
	const { values, positionals } = parseArgs({
		options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string', default: '5' } },
		allowPositionals: true,
	});
	const wanted = positionals.length ? positionals : Object.keys(cases);
	const unknown = wanted.find((name) => !cases[name]);
	if (unknown)
		throw new Error(`no case ${unknown}; there are ${Object.keys(cases).join(', ')}`);
	const rounds = Number(values.rounds);
	if (!(Number.isInteger(rounds) && rounds > 0))
		throw new Error(`--rounds ${values.rounds} is no number of rounds`);
	await prepareCluster();
	for (const name of wanted) {
		const say = (round) => console.log(`case ${name}, round ${round}`);
		try {
			await cases[name]({ ...(values.quick ? kQuick : kFull), rounds, say });
		} catch (error) {
			console.error(`case ${name} failed:`, error);
			process.exitCode = 1;
		}
	}
	report();
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
