// Random deliveries: as the providers sign them, then wrong in one way or two.
'use strict';
const crypto = require('node:crypto');
const { Signer, signerWithZero } = require('./keys');

const NOW = 1763800000;
const JKU = 'https://webhooks.truelayer-sandbox.com/.well-known/jwks';
const TIME = new Date(NOW * 1000).toISOString().replace('.000', '');
const base64url = (value) => Buffer.from(value).toString('base64url');
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');

/** What every case has in common: keys of each scheme, one of them with coordinates that begin with zeros. */
function makeSigners() {
	const signers = {};
	for (const alg of ['ES256', 'ES512'])
		signers[alg] = {
			own: [new Signer(alg, crypto.randomUUID()), signerWithZero(alg, 'key-1')],
			other: new Signer(alg, 'other'),
		};
	return signers;
}

/** Changes of what is signed; the signature is made afterwards, so that only the change itself can be the matter. */
const header = {
	alg: (r, c) => (c.header.alg = r.pick(['none', 'None', 'HS256', 'RS512', 'ES384', 'es256', 'ES256', 'ES512', '', null, 256, ['ES256']])),
	no_alg: (r, c) => delete c.header.alg,
	kid: (r, c) => (c.header.kid = r.pick(['other', '', ' ', 'a b', 'ä', null, 7, 'k'.repeat(129), 'k\u0000', c.header.kid + ' '])),
	no_kid: (r, c) => delete c.header.kid,
	typ: (r, c) => (c.header.typ = r.pick(['JWT', 'jwt', 'JOSE', null, 1, {}])),
	crit: (r, c) => (c.header.crit = r.pick([['b64'], [], ['exp'], null, 'b64', ['kid'], 1])),
	b64: (r, c) => (c.header.b64 = r.pick([true, false, 'no'])),
	b64_crit: (r, c) => Object.assign(c.header, { b64: r.chance(0.5), crit: ['b64'] }),
	keys_inside: (r, c) => Object.assign(c.header, { jwk: c.jwk, x5c: ['AA=='], x5u: 'https://evil.example', jku: c.header.jku ?? JKU }),
	members: (r, c) => (c.header[r.text(1 + r.below(5))] = r.pick([1, -1.5, true, null, [], { a: [{}] }, 'ü'])),
	not_object: (r, c) => (c.headerText = r.pick(['null', '[]', '"a"', '1', '', '{', '{}x', '{"alg":"ES256"', "{'alg':'ES256'}"])),
	spaces: (r, c) => (c.headerText = JSON.stringify(c.header, null, 1 + r.below(3)) + r.pick(['', ' ', '\n', '\t'])),
	byte_order_mark: (r, c) => (c.headerText = '\ufeff' + JSON.stringify(c.header)),
	escaped: (r, c) => (c.headerText = JSON.stringify(c.header).replace('ES', '\\u0045S')),
	bytes: (r, c) => (c.headerText = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0x80 + r.below(128)]), Buffer.from('",' + JSON.stringify(c.header).slice(1))])),
	twice: (r, c) => {
		c.headerText = JSON.stringify(c.header).replace('{', r.pick(['{"alg":"none",', `{"alg":"${c.signer.alg}",`, '{"kid":"a",']));
		c.doubled = c.headerText;
	},
};

const claims = {
	iat: (r, c) => (c.claims.iat = NOW + r.pick([-301, -300, -299, -1, 0, 1, 299, 300, 301, -86400, 86400])),
	iat_type: (r, c) => (c.claims.iat = r.pick([String(NOW), NOW + 0.5, null, true, [NOW], -1, 1e15])),
	no_iat: (r, c) => delete c.claims.iat,
	digest: (r, c) => (c.claims.request_body_sha256 = r.pick([sha256(c.body).toUpperCase(), sha256(c.body).slice(1), '', sha256(''), null, 0, sha256(c.body) + ' '])),
	no_digest: (r, c) => delete c.claims.request_body_sha256,
	more: (r, c) => Object.assign(c.claims, r.pick([{ exp: NOW - 3600 }, { nbf: NOW + 3600 }, { aud: 'x' }, { request_body_sha512: '' }])),
	not_object: (r, c) => (c.claimsText = r.pick(['null', '[]', '1', '"a"', '{', 'x'])),
};

const signature = {
	bit: (r, c) => (c.sign = (text) => flipped(r, c.signer.raw(text))),
	der: (r, c) => (c.sign = (text) => c.signer.der(text)),
	shorter: (r, c) => (c.sign = (text) => c.signer.raw(text).subarray(0, r.below(2 * c.signer.size))),
	longer: (r, c) => (c.sign = (text) => Buffer.concat([c.signer.raw(text), r.bytes(1 + r.below(4))])),
	zero: (r, c) => (c.sign = (text) => half(r, c.signer.raw(text), Buffer.alloc(c.signer.size))),
	zeros: (r, c) => (c.sign = () => Buffer.alloc(2 * c.signer.size)),
	near_n: (r, c) => (c.sign = (text) => half(r, c.signer.raw(text), c.signer.orderMinus(r.pick([-1, 0, 1])))),
	most: (r, c) => (c.sign = (text) => half(r, c.signer.raw(text), Buffer.alloc(c.signer.size, 0xff))),
	swapped: (r, c) => (c.sign = (text) => { const raw = c.signer.raw(text); return Buffer.concat([raw.subarray(c.signer.size), raw.subarray(0, c.signer.size)]); }),
	mirrored: (r, c) => (c.sign = (text) => c.signer.mirrored(c.signer.raw(text))),
	other_key: (r, c) => (c.sign = (text) => c.other.raw(text)),
	other_hash: (r, c) => (c.sign = (text) => c.signer.raw(text, r.pick(['sha256', 'sha384', 'sha512', 'sha1']))),
	public_key: (r, c) => { c.header.alg = 'HS256'; c.sign = (text) => crypto.createHmac('sha256', c.signer.pem()).update(text).digest(); },
	noise: (r, c) => (c.sign = () => r.bytes(2 * c.signer.size)),
};

const token = {
	letter: (r, c) => edit(c, (t) => { const at = r.below(t.length); return t.slice(0, at) + r.text(1, 'AZaz09-_+/=. ~') + t.slice(at + 1); }),
	inserted: (r, c) => edit(c, (t) => { const at = r.below(t.length + 1); return t.slice(0, at) + r.text(1, 'AZaz09-_+/=. \\') + t.slice(at); }),
	removed: (r, c) => edit(c, (t) => { const at = r.below(t.length); return t.slice(0, at) + t.slice(at + 1); }),
	cut: (r, c) => edit(c, (t) => t.slice(0, r.below(t.length))),
	padded: (r, c) => edit(c, (t) => r.pick([t + '=', t + '==', t.replace('.', '=.'), t.replace('.', '==.')])),
	// The last letter of most segments has bits that say nothing.
	last_bits: (r, c) => edit(c, (t) => t.slice(0, -1) + String.fromCharCode(t.charCodeAt(t.length - 1) ^ 1)),
	alphabet: (r, c) => edit(c, (t) => t.replace(/-/g, '+').replace(/_/g, '/')),
	dots: (r, c) => edit(c, (t) => r.pick([t + '.', '.' + t, t.replace('.', '..'), t.replace(/\.[^.]*$/, ''), t.replace('.', ''), t + '.AAAA'])),
	blanks: (r, c) => edit(c, (t) => r.pick([' ' + t, t + ' ', t.replace('.', ' .'), t + '\t'])),
	twice: (r, c) => edit(c, (t) => t + r.pick([',', ', ', ';']) + t),
};

const body = {
	bit: (r, c) => (c.body = c.body.length ? flipped(r, c.body) : Buffer.from(' ')),
	longer: (r, c) => (c.body = Buffer.concat([c.body, Buffer.from(r.pick(['\n', ' ', '\0', '\r\n']))])),
	shorter: (r, c) => (c.body = c.body.subarray(0, Math.max(0, c.body.length - 1))),
	written_again: (r, c) => { try { c.body = Buffer.from(JSON.stringify(JSON.parse(c.body))); } catch { /* no JSON: stays */ } },
	none: (r, c) => (c.body = Buffer.alloc(0)),
};

const key = {
	other: (r, c) => (c.jwk = { ...c.other.jwk(), kid: c.jwk.kid }),
	kid: (r, c) => (c.jwk.kid = r.pick(['other', '', null, c.signer.kid + 'x', c.signer.kid.toUpperCase()])),
	kty: (r, c) => (c.jwk.kty = r.pick(['RSA', 'OKP', 'oct', 'ec', null])),
	crv: (r, c) => (c.jwk.crv = r.pick(['P-256', 'P-384', 'P-521', 'secp256k1', 'Ed25519', null])),
	alg: (r, c) => (c.jwk.alg = r.pick(['ES256', 'ES512', 'RS256', null])),
	use: (r, c) => (c.jwk.use = r.pick(['sig', 'enc', '', null])),
	expired: (r, c) => (c.jwk.expired_at = r.pick([null, 0, NOW - 1, NOW + 86400])),
	off_curve: (r, c) => { const name = r.pick(['x', 'y']); c.jwk[name] = base64url(flipped(r, c.signer[name])); },
	exchanged: (r, c) => ([c.jwk.x, c.jwk.y] = [c.jwk.y, c.jwk.x]),
	no_zeros: (r, c) => { for (const name of ['x', 'y']) { const bytes = c.signer[name]; c.jwk[name] = base64url(bytes.subarray(bytes.findIndex((b) => b !== 0))); } },
	longer: (r, c) => { const name = r.pick(['x', 'y']); c.jwk[name] = base64url(Buffer.concat([Buffer.alloc(1), c.signer[name]])); },
	empty: (r, c) => (c.jwk[r.pick(['x', 'y'])] = r.pick(['', 'AA', '=', null, 5])),
};

const request = {
	method: (r, c) => (c.method = r.pick(['PUT', 'post', 'GET', ''])),
	path: (r, c) => (c.path = r.pick([c.path + '/', c.path + '//', c.path.slice(0, -1), '/', '', 'x' + c.path, c.path.toUpperCase()])),
	sent_time: (r, c) => (c.headers['x-tl-webhook-timestamp'] = r.pick([TIME + ' ', '2025-11-22T08:26:41Z', 'x'])),
	sent_other: (r, c) => (c.headers['x-other'] = r.pick([' ' + c.signedHeaders['x-other'] + ' ', 'x', c.signedHeaders['x-other'] + 'A'])),
	not_sent: (r, c) => delete c.headers[r.pick(Object.keys(c.signedHeaders))],
	version: (r, c) => (c.header.tl_version = r.pick(['1', 2, '2 ', null, '2'])),
	jku: (r, c) => (c.header.jku = r.pick([JKU + '/', JKU.toUpperCase(), 'https://evil.example/jwks', null, '', JKU])),
	list: (r, c) => (c.header.tl_headers = r.pick(['', 'x-other', 'x-tl-webhook-timestamp', 'x-other,x-tl-webhook-timestamp', 'X-TL-Webhook-Timestamp,X-Other', 'x-tl-webhook-timestamp,,x-other', 'x-tl-webhook-timestamp, x-other', 'x-tl-webhook-timestamp,x-absent', null, 1])),
};

const kinds = {
	plaid_jwt: { header, claims, signature, token, body, key },
	tl_signature: { header, request, signature, token, body, key },
};

function flipped(r, bytes) {
	const copy = Buffer.from(bytes);
	copy[r.below(copy.length)] ^= 1 << r.below(8);
	return copy;
}
function half(r, raw, number) {
	const copy = Buffer.from(raw);
	number.copy(copy, r.chance(0.5) ? 0 : copy.length / 2);
	return copy;
}
function edit(c, change) {
	c.edits.push(change);
}

function randomBody(r) {
	const kind = r.below(4);
	if (kind === 0) return r.bytes(r.below(200));
	if (kind === 1) return Buffer.alloc(0);
	return Buffer.from(JSON.stringify({ webhook_type: 'ITEM', item_id: r.text(10), 'ü': [r.below(9), null] }, null, kind === 2 ? 2 : undefined));
}

function start(scheme, r, signers) {
	const alg = scheme === 'plaid_jwt' ? 'ES256' : 'ES512';
	const signer = r.pick(signers[alg].own);
	const sentBody = randomBody(r);
	const c = { scheme, signer, other: signers[alg].other, jwk: signer.jwk(), body: sentBody, edits: [], sign: (text) => signer.raw(text), method: 'POST', path: '', headers: {}, received_at: NOW };
	if (scheme === 'plaid_jwt') {
		c.header = { alg, kid: signer.kid, typ: 'JWT' };
		c.claims = { iat: NOW, request_body_sha256: sha256(sentBody) };
	} else {
		c.header = { alg, kid: signer.kid, tl_version: '2', tl_headers: 'X-Tl-Webhook-Timestamp,x-other', jku: JKU };
		c.signedBody = sentBody;
		c.path = '/hooks/' + r.text(4);
		c.signedPath = c.path;
		c.headers = { 'x-tl-webhook-timestamp': TIME, 'x-other': r.text(5) };
		c.signedHeaders = { ...c.headers };
	}
	return c;
}

function signedPayload(c) {
	if (c.scheme === 'plaid_jwt') return Buffer.from(c.claimsText ?? JSON.stringify(c.claims));
	const names = typeof c.header.tl_headers === 'string' && c.header.tl_headers !== '' ? c.header.tl_headers.split(',') : [];
	const lines = names.map((name) => `${name}: ${c.signedHeaders[name.toLowerCase()]}\n`);
	return Buffer.concat([Buffer.from(`POST ${c.signedPath}\n${lines.join('')}`), c.signedBody]);
}

/** A delivery, wrong in `count` ways of that kind or of any. */
function makeCase(scheme, kind, r, signers) {
	const c = start(scheme, r, signers);
	c.kind = kind;
	c.how = [];
	for (let i = kind === 'none' ? 0 : 1 + r.below(2); i > 0; --i) {
		const group = i === 2 ? r.pick(Object.keys(kinds[scheme])) : kind;
		const way = r.pick(Object.keys(kinds[scheme][group]));
		c.how.push(`${group}.${way}`);
		kinds[scheme][group][way](r, c);
	}
	const head = base64url(c.headerText ?? JSON.stringify(c.header));
	const payload = base64url(signedPayload(c));
	const signed = base64url(c.sign(Buffer.from(`${head}.${payload}`)));
	c.token = scheme === 'plaid_jwt' ? `${head}.${payload}.${signed}` : `${head}..${signed}`;
	for (const change of c.edits) c.token = change(c.token);
	return c;
}

/** As the program under test reads it. */
function line(c) {
	const name = c.scheme === 'plaid_jwt' ? 'Plaid-Verification' : 'Tl-Signature';
	return JSON.stringify({
		scheme: c.scheme,
		headers: { ...c.headers, [name]: c.token },
		body: c.body.toString('base64'),
		method: c.method,
		path: c.path,
		received_at: c.received_at,
		jku: c.scheme === 'tl_signature' ? JKU : '',
		key: JSON.stringify(c.jwk),
	});
}

module.exports = { kinds, makeCase, makeSigners, line, JKU };
