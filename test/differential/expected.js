// What a delivery deserves, by the providers' rules, with jose for everything about tokens, keys and signatures. What the
// extension refuses on purpose though jose would not is `strict` here.
'use strict';
const crypto = require('node:crypto');
const { JKU } = require('./cases');

class Refused extends Error {}
function must(good, what) {
	if (!good) throw new Refused(what);
}

/** One text for one value: no padding, no blanks, no bits that say nothing. */
function strict(segment) {
	const bytes = Buffer.from(segment, 'base64url');
	must(bytes.toString('base64url') === segment, 'base64url');
	return bytes;
}
/** UTF-8 without a mark in front, and an object. */
function object(bytes) {
	const value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
	must(value !== null && typeof value === 'object' && !Array.isArray(value), 'no object');
	return value;
}

function checkHeader(header, alg) {
	// jose knows one extension, b64, that no provider uses.
	must(!('crit' in header), 'crit');
	must(header.alg === alg, 'alg');
	must(typeof header.kid === 'string' && /^[\x21-\x7e]{1,128}$/.test(header.kid), 'kid');
}

async function importKey(jose, jwk, header, alg, crv) {
	must(jwk.kid === header.kid && jwk.kty === 'EC' && jwk.crv === crv && jwk.alg === alg, 'key');
	must(jwk.use === 'sig' || (alg === 'ES512' && jwk.use == null), 'use');
	must(jwk.expired_at == null, 'expired');
	const size = crv === 'P-256' ? 32 : 66;
	const full = {};
	for (const name of ['x', 'y']) {
		must(typeof jwk[name] === 'string' && jwk[name] !== '', name);
		const bytes = strict(jwk[name]);
		must(bytes.length <= size, 'too long');
		// RFC 7518 wants full length, and so does jose.
		full[name] = Buffer.concat([Buffer.alloc(size - bytes.length), bytes]).toString('base64url');
	}
	return jose.importJWK({ kty: jwk.kty, crv: jwk.crv, ...full }, alg);
}

async function plaid(jose, c) {
	const parts = c.token.split('.');
	must(parts.length === 3, 'parts');
	const header = object(strict(parts[0]));
	checkHeader(header, 'ES256');
	strict(parts[1]);
	strict(parts[2]);
	const key = await importKey(jose, c.jwk, header, 'ES256', 'P-256');
	const { payload } = await jose.compactVerify(c.token, key, { algorithms: ['ES256'] });
	const claims = object(payload);
	must(Number.isInteger(claims.iat) && Math.abs(c.received_at - claims.iat) <= 300, 'iat');
	must(claims.request_body_sha256 === crypto.createHash('sha256').update(c.body).digest('hex'), 'body');
}

async function trueLayer(jose, c) {
	const parts = c.token.split('..');
	must(parts.length === 2 && parts.every((part) => part !== '' && !part.includes('.')), 'parts');
	const header = object(strict(parts[0]));
	checkHeader(header, 'ES512');
	must(header.tl_version === '2' && header.jku === JKU && typeof header.tl_headers === 'string', 'members');
	strict(parts[1]);
	const names = header.tl_headers === '' ? [] : header.tl_headers.split(',');
	must(names.some((name) => name.toLowerCase() === 'x-tl-webhook-timestamp'), 'time not signed');
	let lines = '';
	for (const name of names) {
		must(/^[A-Za-z0-9_-]+$/.test(name), 'name');
		const value = c.headers[name.toLowerCase()];
		must(value !== undefined, 'not sent');
		lines += `${name}: ${value.trim()}\n`;
	}
	must(c.path.startsWith('/'), 'path');
	const key = await importKey(jose, c.jwk, header, 'ES512', 'P-521');
	const verify = (path) => {
		const payload = Buffer.concat([Buffer.from(`${c.method} ${path}\n${lines}`), c.body]).toString('base64url');
		return jose.flattenedVerify({ protected: parts[0], payload, signature: parts[1] }, key, { algorithms: ['ES512'] });
	};
	const other = c.path.endsWith('/') ? c.path.slice(0, -1) : c.path + '/';
	await verify(c.path).catch(() => verify(other));
	const signedAt = Date.parse(c.headers['x-tl-webhook-timestamp'].trim()) / 1000;
	must(signedAt >= c.received_at - 72 * 3600 && signedAt <= c.received_at + 300, 'time');
}

/** Whether it is to be accepted; else why not. */
async function expected(jose, c) {
	try {
		must(c.doubled === undefined || c.doubled !== c.headerText, 'a member twice');
		const sent = { ...c, token: c.token.replace(/^[ \t]+|[ \t]+$/g, '') };
		await (c.scheme === 'plaid_jwt' ? plaid : trueLayer)(jose, sent);
		return { accepted: true };
	} catch (error) {
		return { accepted: false, why: error.message };
	}
}

module.exports = { expected };
