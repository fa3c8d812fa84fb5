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

const kAccount = { name: 'Bench Checking', type: 'depository', subtype: 'checking' };

/// Items for the npm client, which brings no link of its own; answers their access tokens.
async function createItems(count) {
	const { items } = await control('plaid/items/create', { count, username: 'user_empty', accounts: [kAccount] });
	return items.map((item) => item.access_token);
}

/// An account for an item that was linked empty.
function addAccount(itemId) {
	return control('plaid/accounts/add', { item_id: itemId, account: kAccount });
}

/// Gives every item that many transactions of 1.6 kB.
function fillItems(rows) {
	return control('plaid/transactions/generate', { items: 'all', count: rows, bytes: 1600, announce: false });
}

/// What the simulator has, row by row, as the truth. The dump may be too large for one string, so it is cut on the way.
async function* transactions() {
	const response = await send('dump', { transactions: true });
	let text = '';
	let first = true; // what comes before the first row
	for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
		const pieces = (text + chunk).split('{"state":"live","transaction":');
		text = pieces.pop();
		for (const piece of pieces) {
			if (!first)
				yield rowAtStart(piece);
			first = false;
		}
	}
	if (!first)
		yield rowAtStart(text);
}

/// The JSON object at the start of a text, behind which come braces and brackets of what it stood in.
function rowAtStart(text) {
	for (let end = text.lastIndexOf('}'); end > 0; end = text.lastIndexOf('}', end - 1)) {
		try {
			return JSON.parse(text.slice(0, end));
		} catch {
			// It ends further left.
		}
	}
	throw new Error(`no transaction: ${text.slice(0, 100)}`);
}

module.exports = { addAccount, createItems, fillItems, latency, reset, transactions, url };
