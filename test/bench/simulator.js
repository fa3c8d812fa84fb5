// The simulator's controls that the benchmarks use.
'use strict';

const url = process.env.OB_SANDBOX_URL;

async function control(path, body) {
	const response = await fetch(`${url}/_control/${path}`, { method: 'POST', body: JSON.stringify(body) });
	if (!response.ok)
		throw new Error(`${path}: ${response.status} ${await response.text()}`);
	return response.json();
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

/// What the simulator has, row by row, as the truth.
async function transactions() {
	const { plaid: { items } } = await control('dump', { transactions: true });
	return items.flatMap((item) => item.transactions.map((entry) => entry.transaction));
}

module.exports = { addAccount, createItems, fillItems, latency, reset, transactions, url };
