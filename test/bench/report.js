// Medians, ratios and the table at the end.
'use strict';

function median(numbers) {
	const sorted = [...numbers].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function medianOf(runs, name) {
	return median(runs.map((run) => run[name]));
}

/// The median of the rounds' ratios: noise that lasts longer than one round cancels out.
function timeRatio(over, under) {
	return median(over.map((run, i) => run.seconds / under[i].seconds));
}

const bytes = (n) => (n < 1024 ? `${n} B` : n < 1e6 ? `${(n / 1024).toFixed(0)} kB` : `${(n / 1048576).toFixed(1)} MB`);
const duration = (seconds) => (seconds < 1 ? `${(seconds * 1000).toFixed(1)} ms` : `${seconds.toFixed(2)} s`);
const number = (n) => Math.round(n).toLocaleString('en-US');
const percent = (n) => `${(n * 100).toFixed(0)} %`;
const times = (n) => `${n.toFixed(2)} x`;

const lines = [];

/// A line of what was measured. `runs` have seconds, and may have cpu, wal and memory; `rows`, or so many of
/// another unit, were moved in each.
function measured(name, what, runs, rows, unit = 'rows') {
	const figure = rows ? (run) => rows / run.seconds : (run) => run.seconds;
	const format = rows ? number : duration;
	const figures = runs.map(figure);
	const range = `${format(Math.min(...figures))} - ${format(Math.max(...figures))}`;
	const optional = (field, format) => (runs[0][field] === undefined ? '' : format(medianOf(runs, field)));
	lines.push([name, what, duration(medianOf(runs, 'seconds')), rows ? `${number(median(figures))} ${unit}/s` : '',
		runs.length > 1 ? range : '', optional('cpu', duration), optional('wal', bytes), optional('memory', bytes)]);
}

const aims = [];

/// A line of what is aimed at: at least with '>=', at most with '<='. A stretch aim is only told.
function aimed(name, what, value, relation, aim, format, stretch) {
	const verdict = (wanted) => ((relation === '>=' ? value >= wanted : value <= wanted) ? 'met' : 'MISSED');
	aims.push([name, what, format(value), `${relation} ${format(aim)}`, verdict(aim),
		stretch === undefined ? '' : `stretch ${format(stretch)} ${verdict(stretch).toLowerCase()}`]);
}

/// A figure without an aim.
function told(name, what, value, format) {
	aims.push([name, what, format(value), '', '', '']);
}

function print(table, head) {
	const all = [head, ...table];
	const widths = head.map((_, i) => Math.max(...all.map((line) => line[i].length)));
	// Words to the left, figures to the right.
	for (const line of all)
		console.log(line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd());
}

function report() {
	console.log();
	print(lines, ['case', 'what', 'median', 'rate', 'from - to', 'CPU', 'WAL', 'memory']);
	console.log();
	print(aims, ['case', 'aim', 'figure', 'aimed at', '', '']);
}

module.exports = { aimed, bytes, duration, measured, medianOf, number, percent, report, timeRatio, times, told };
