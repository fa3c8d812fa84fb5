// Random deliveries, right and wrong in every way, decided by the extension's code and by jose: they must agree on each.
// Arguments: PROGRAM [CASES [SEED]]. One line per scheme and kind of wrong.
'use strict';
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { Random } = require('./random');
const { kinds, makeCase, makeSigners, line } = require('./cases');
const { expected } = require('./expected');

async function main([program, count = '6000', seed = String(Date.now() % 2 ** 31)]) {
	// Node 18 has it, but not there.
	globalThis.crypto ??= require('node:crypto').webcrypto;
	const jose = await import(pathToFileURL(path.join(process.env.NODE_PATH, 'jose/dist/webapi/index.js')).href);
	console.log(`# seed ${seed}`);
	const r = new Random(Number(seed));
	const signers = makeSigners();
	const groups = Object.entries(kinds).flatMap(([scheme, of]) => ['none', ...Object.keys(of)].map((kind) => ({ scheme, kind, cases: [] })));
	for (let i = 0; i < Number(count); ++i) {
		const group = groups[i % groups.length];
		group.cases.push(makeCase(group.scheme, group.kind, r, signers));
	}

	const all = groups.flatMap((group) => group.cases);
	const run = spawnSync(program, { input: all.map(line).join('\n') + '\n', encoding: 'utf8', maxBuffer: 1 << 28 });
	const verdicts = run.stdout.split('\n').slice(0, -1);
	if (run.status !== 0 || verdicts.length !== all.length) throw new Error(`${program} ended early: ${run.stderr}`);
	all.forEach((c, i) => (c.verdict = verdicts[i]));

	let failed = 0;
	for (const { scheme, kind, cases } of groups) {
		let accepted = 0;
		const wrong = [];
		for (const c of cases) {
			const deserved = await expected(jose, c);
			accepted += deserved.accepted ? 1 : 0;
			if ((c.verdict === 'accepted') !== deserved.accepted || c.verdict.includes(' ')) wrong.push({ c, deserved });
		}
		// A kind that is never accepted would compare little; never being refused can only be right for the unchanged.
		const lively = accepted > 0 && (kind === 'none' ? accepted === cases.length : accepted < cases.length);
		const good = wrong.length === 0 && lively;
		failed += good ? 0 : 1;
		console.log(`${good ? 'ok' : 'not ok'} ${scheme} ${kind}: ${cases.length} cases, ${accepted} to be accepted`);
		for (const { c, deserved } of wrong.slice(0, 3))
			console.log(`#   ${c.how.join(', ')}: ours ${c.verdict}, jose ${deserved.accepted ? 'accepted' : deserved.why}\n#   ${line(c)}`);
		if (wrong.length > 0) console.log(`#   ${wrong.length} of ${cases.length} differ; again with seed ${seed}`);
	}
	process.exitCode = failed ? 1 : 0;
}

main(process.argv.slice(2));
