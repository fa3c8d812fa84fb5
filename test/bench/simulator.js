// The simulator's controls that the benchmarks use.
'use strict';

const url = process.env.OB_SANDBOX_URL;

async function send(path, body) {
	const response = await fetch(`${url}/_control/${path}`, { method: 'POST', body: JSON.stringify(body) });
	if (!response.ok)
		throw new Error(`${path}: ${response.status} ${await response.text()}`);
	return response;
}

async function control(path, body) {
	return (await send(path, body)).json();
}

/// Everything back to the start: no items, no latency, history ready at once.
async function reset() {
	await control('reset', {});
	await control('config', { initial_delay_ms: 0, historical_delay_ms: 0, item_login_days: 0 });
}

function latency(ms) {
	return control('latency', { ms });
}

/// Items for the npm client, which brings no link of its own; answers their access tokens.
async function createItems(count, rows) {
	const { items } = await control('plaid/items/create', { count, generate: { count: rows } });
	return items.map((item) => item.access_token);
}

/// Options that link the n-th item of so many transactions.
function bulkUser(n, rows) {
	return { username: 'user_bulk', password: JSON.stringify({ count: rows, seed: n }) };
}

/// The header with which the provider would send this body now.
async function sign(body) {
	return (await control('plaid/webhooks/sign', { body })).header;
}

/// What the simulator has, row by row, as the truth.
async function* transactions() {
	const response = await send('plaid/rows', { format: 'json' });
	let text = '';
	for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
		const lines = (text + chunk).split('\n');
		text = lines.pop();
		yield* lines.map((line) => JSON.parse(line));
	}
}

module.exports = { bulkUser, createItems, latency, reset, sign, transactions, url };
