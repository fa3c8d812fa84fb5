// Choices that follow from a seed.
'use strict';

class Random {
	constructor(seed) {
		this.state = seed >>> 0;
	}
	/** At least 0, below 1 (mulberry32). */
	next() {
		this.state = (this.state + 0x6d2b79f5) >>> 0;
		let t = this.state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	}
	/** At least 0, below `end`. */
	below(end) {
		return Math.floor(this.next() * end);
	}
	chance(part) {
		return this.next() < part;
	}
	pick(list) {
		return list[this.below(list.length)];
	}
	bytes(size) {
		return Buffer.from(Array.from({ length: size }, () => this.below(256)));
	}
	text(size, letters = 'abcdefghijklmnopqrstuvwxyz0123456789') {
		return Array.from({ length: size }, () => letters[this.below(letters.length)]).join('');
	}
}

module.exports = { Random };
