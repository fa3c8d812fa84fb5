// What a process on this machine has used, from /proc.
'use strict';

const fs = require('fs');

const kTicks = 100; // a second, on every Linux that PostgreSQL runs on

/// Seconds of CPU so far.
function cpu(pid) {
	// The name, in parentheses, may contain blanks; user and system time are the 12th and 13th field after it.
	const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
	return (Number(fields[11]) + Number(fields[12])) / kTicks;
}

/// The peak of memory so far in bytes, shared buffers apart.
function peakMemory(pid) {
	const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
	const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)[1]);
	return (kilobytes('VmHWM') - kilobytes('RssShmem')) * 1024;
}

module.exports = { cpu, peakMemory };
