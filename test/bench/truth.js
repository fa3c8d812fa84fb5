// Whether a table holds exactly what the simulator has: count, sum and a digest of the rows that needs no order.
'use strict';

const crypto = require('crypto');
const simulator = require('./simulator');

function line(row) {
	const fields = [row.account_id, row.transaction_id, row.pending ? 'pending' : 'posted', -row.amount,
		row.iso_currency_code ?? row.unofficial_currency_code, row.date, row.merchant_name,
		row.personal_finance_category?.primary];
	return fields.map((field) => (Object.is(field, -0) ? 0 : field) ?? '').join('|');
}

const kLine = `concat_ws('|', account_id, transaction_id, status, trim_scale(amount), coalesce(currency, ''), date,
	coalesce(merchant_name, ''), coalesce(category, ''))`;
const kTruthOf = (table) => `SELECT count(*), coalesce(sum(amount), 0) * 100,
	coalesce(sum(('x' || left(md5(${kLine}), 15))::bit(60)::int8), 0) FROM ${table}`;

async function truth() {
	let count = 0;
	let cents = 0n;
	let digest = 0n;
	for await (const row of simulator.transactions()) {
		++count;
		cents -= BigInt(Math.round(row.amount * 100));
		digest += BigInt('0x' + crypto.createHash('md5').update(line(row)).digest('hex').slice(0, 15));
	}
	return `${count} rows, ${cents} cents, digest ${digest}`;
}

async function check(session, table, expected) {
	const [count, cents, digest] = (await session.rows(kTruthOf(table)))[0];
	const found = `${count} rows, ${BigInt(Math.round(Number(cents)))} cents, digest ${digest}`;
	if (found !== expected)
		throw new Error(`${table} has ${found}; the simulator has ${expected}`);
}

module.exports = { check, truth };
