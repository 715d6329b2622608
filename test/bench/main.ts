// Measures the product on this machine. Usage: npm run bench -- [--out DIR] [part of a row's name]
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { waitFor } from '../../src/base/deadline.js';
import type { Bench } from './bench.js';
import { cloneBench, templateBench, togetherBench } from './clone.js';
import { detachedBench } from './detached.js';
import { containersBench, execBench } from './exec.js';
import type { Row } from './figures.js';
import { checkout, Ground } from './ground.js';
import { busyWarning, lookAtMachine } from './machine.js';
import { memoryBench } from './memory.js';
import { pythonBench, untarBench } from './programs.js';
import { charts, type Report, toMarkdown, toTable } from './report.js';
import { commandBench, jailBench, startBench } from './start.js';
import { streamBench } from './streams.js';
import { waitingBench } from './waiting.js';

/** After this a run ends with what it has, in milliseconds. */
const longestMs = 12 * 60_000;

const benches: readonly Bench[] = [
  commandBench,
  jailBench,
  startBench,
  templateBench,
  cloneBench,
  waitingBench,
  togetherBench,
  detachedBench,
  execBench,
  streamBench,
  pythonBench,
  untarBench,
  memoryBench,
  containersBench,
];

const { values, positionals } = parseArgs({
  options: { out: { type: 'string' } },
  allowPositionals: true,
});
const wanted = positionals.join(' ');
const chosen = benches.filter(({ rows }) => rows.some((name) => name.includes(wanted)));
if (chosen.length === 0) {
  const names = benches.flatMap(({ rows }) => rows);
  console.error(
    `no row's name contains ${JSON.stringify(wanted)}; there are:\n${names.join('\n')}`,
  );
  process.exit(1);
}

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => stop.abort(new Error(`interrupted by ${name}`)));
}
const timer = setTimeout(() => stop.abort(new Error('out of time')), longestMs);

const ground = new Ground(stop.signal);
try {
  ground.prepare();
  const report = await measure(ground);
  console.log(`\n${toTable(report.rows)}`);
  for (const why of report.missing) console.error(`not measured: ${why}`);
  if (report.missing.length > 0) process.exitCode = 1;
  // Only a whole run replaces the report of the documentation.
  const out = values.out ?? (wanted === '' && process.exitCode === undefined ? 'docs' : undefined);
  if (out !== undefined) write(path.resolve(checkout, out), report);
} finally {
  clearTimeout(timer);
  const left = await ground.close();
  if (left.length > 0) {
    console.error(`left behind:\n${left.join('\n')}`);
    process.exitCode = 1;
  }
}
// What a call that was given up still holds must not keep the process alive.
process.exit();

async function measure(on: Ground): Promise<Report> {
  const begin = performance.now();
  const machine = await lookAtMachine(on, checkout);
  const warning = busyWarning(machine);
  if (warning !== null) console.error(`warning: ${warning}`);
  const rows: Row[] = [];
  const missing: string[] = [];
  for (const bench of chosen) {
    const what = `cannot measure ${JSON.stringify(bench.rows[0])}`;
    const beginOne = performance.now();
    try {
      const measured = await waitFor(bench.run(on), { what, signal: stop.signal });
      rows.push(...measured);
      const seconds = ((performance.now() - beginOne) / 1000).toFixed(1);
      console.error(`${measured.map(({ name }) => name).join('; ')}: ${seconds} s`);
    } catch (error) {
      const why = stop.signal.aborted ? stop.signal.reason : error;
      missing.push(`${bench.rows.join('; ')}: ${why instanceof Error ? why.message : String(why)}`);
    }
  }
  return { machine, rows, missing, tookSeconds: (performance.now() - begin) / 1000 };
}

function write(directory: string, report: Report): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, 'benchmarks.md'), toMarkdown(report));
  writeFileSync(path.join(directory, 'benchmarks.json'), `${JSON.stringify(report, null, 2)}\n`);
  for (const { file, svg } of charts(report)) writeFileSync(path.join(directory, file), svg);
  console.error(`wrote ${path.join(directory, 'benchmarks.md')}, its charts and benchmarks.json`);
}
