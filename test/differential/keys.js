// Key pairs, signatures and JWKs by Node's own OpenSSL binding.
'use strict';
const crypto = require('node:crypto');

const curves = {
	ES256: { crv: 'P-256', hash: 'sha256', size: 32, order: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551' },
	ES512: {
		crv: 'P-521',
		hash: 'sha512',
		size: 66,
		order: '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
	},
};

class Signer {
	constructor(alg, kid) {
		this.alg = alg;
		this.kid = kid;
		Object.assign(this, curves[alg]);
		const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: this.crv });
		this.privateKey = privateKey;
		this.publicKey = publicKey;
		const { x, y } = publicKey.export({ format: 'jwk' });
		this.x = Buffer.from(x, 'base64url');
		this.y = Buffer.from(y, 'base64url');
	}
	jwk() {
		return {
			kty: 'EC',
			crv: this.crv,
			alg: this.alg,
			use: 'sig',
			kid: this.kid,
			x: this.x.toString('base64url'),
			y: this.y.toString('base64url'),
		};
	}
	pem() {
		return this.publicKey.export({ format: 'pem', type: 'spki' });
	}
	raw(text, hash = this.hash) {
		return crypto.sign(hash, text, { key: this.privateKey, dsaEncoding: 'ieee-p1363' });
	}
	der(text) {
		return crypto.sign(this.hash, text, this.privateKey);
	}
	/** n, n - 1, … as bytes of full length. */
	orderMinus(number) {
		return Buffer.from((BigInt('0x' + this.order) - BigInt(number)).toString(16).padStart(2 * this.size, '0'), 'hex');
	}
	/** The other signature of the same text: s and n - s are both right. */
	mirrored(raw) {
		const s = BigInt('0x' + raw.subarray(this.size).toString('hex'));
		return Buffer.concat([raw.subarray(0, this.size), this.orderMinus(s)]);
	}
}

/** One whose coordinates begin with a zero byte, which some providers leave out. */
function signerWithZero(alg, kid) {
	for (;;) {
		const signer = new Signer(alg, kid);
		if (signer.x[0] === 0 || signer.y[0] === 0) return signer;
	}
}

module.exports = { Signer, signerWithZero };
