// `virtc run --trace` in a real VM: host and guest on one time line, and a command that notices nothing of it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { TraceEvent, TraceFile } from '../../src/index.js';
import { E2e } from './harness.js';

const e2e = new E2e('trace');

type Complete = TraceEvent & { readonly ph: 'X' };

/** Names of the phases of a boot, in their order. */
const phases = [
  ...['firmware', 'kernel', 'modules', 'root-image', 'init'],
  ...['node-exec', 'node-bootstrap', 'agent-load', 'agent-setup'],
];

function assertNested(spans: readonly Complete[]): void {
  for (const a of spans) {
    for (const b of spans) {
      if (a.pid !== b.pid || a.tid !== b.tid || a.ts > b.ts) continue;
      const apart = a.ts + a.dur <= b.ts;
      const inside = b.ts + b.dur <= a.ts + a.dur || (a.ts === b.ts && a.dur <= b.dur);
      assert.ok(apart || inside, `${a.name} and ${b.name} overlap in one thread`);
    }
  }
}

interface TracedRun {
  /** The line that says how exact it is. */
  readonly title: string;
  /** The lanes that the waterfall has. */
  readonly lanes: ReadonlySet<string>;
  readonly traceEvents: readonly TraceEvent[];
  readonly spans: readonly Complete[];
  readonly find: (name: string, cat: Complete['cat']) => Complete;
}

/** Runs a command with a trace and checks what is the same for a VM that boots and for a clone. */
async function traceRun(flags: readonly string[]): Promise<TracedRun> {
  const begun = performance.now();
  const script = 'echo out; echo err >&2; sleep 0.4; exit 7';
  const { code, stdout, stderr } = await e2e.run(['--trace', ...flags, '--', 'sh', '-c', script]);
  const wallUs = (performance.now() - begun) * 1000;
  assert.equal(stdout.toString(), 'out\n');
  assert.equal(code, 7);
  const file = path.join(e2e.scratch, 'virtc-trace.json');
  const [first, title, , ...lines] = stderr.trimEnd().split('\n');
  assert.equal(first, 'err', stderr);
  assert.match(title ?? '', /^trace: \d+ ms; the guest's times are exact to \d+\.\d ms$/);
  assert.equal(lines.at(-1), `trace written to ${file}; https://ui.perfetto.dev opens it`);
  const lanes = new Set(lines.map((line) => line.split(' ')[0] ?? ''));

  const { traceEvents } = JSON.parse(readFileSync(file, 'utf8')) as TraceFile;
  const spans = traceEvents.filter((event): event is Complete => event.ph === 'X');
  for (const { name, ts, dur } of spans) {
    assert.ok(ts >= 0 && dur > 0 && ts + dur <= wallUs, `${name} is not in the run`);
  }
  assertNested(spans);
  assert.deepEqual(
    spans.filter(({ args }) => args['failed'] !== undefined),
    [],
  );

  const find = (name: string, cat: Complete['cat']): Complete => {
    const found = spans.filter((span) => span.name === name && span.cat === cat);
    assert.equal(found.length, 1, `${found.length} of ${name} in ${cat}`);
    return found[0] as Complete;
  };
  const create = find('agent-create', 'host');
  const inGuest = find('createContainer', 'guest-agent');
  const errorUs = errorUsOf(inGuest);
  assert.ok(create.ts - errorUs <= inGuest.ts, 'the guest began before it was asked');
  assert.ok(endOf(inGuest) <= endOf(create) + errorUs, 'the guest ended after it had answered');
  assert.ok(find('run', 'qemu').ts >= endOf(find('start', 'qemu')));
  assert.ok(find('command', 'host').dur >= 300_000, 'the command slept');
  const byte = traceEvents.find(({ name }) => name === 'first byte of standard output');
  assert.ok(byte?.ph === 'i' && byte.ts >= find('container-start', 'host').ts);
  await e2e.assertNothingLeft();
  return { title: title ?? '', lanes, traceEvents, spans, find };
}

function processNames(events: readonly TraceEvent[]): readonly unknown[] {
  return events.flatMap((event) =>
    event.ph === 'M' && event.name === 'process_name' ? [event.args['name']] : [],
  );
}

function endOf({ ts, dur }: { readonly ts: number; readonly dur: number }): number {
  return ts + dur;
}

function errorUsOf({ args }: Complete): number {
  return Number(args['clockErrorMs']) * 1000 + 100;
}

test('a traced run prints and ends as any other, and its file has host and guest in their order', async () => {
  const { title, lanes, traceEvents, find } = await traceRun(['--no-template']);
  for (const lane of ['host', 'qemu', 'kernel', 'agent']) {
    assert.ok(lanes.has(lane), `no line of ${lane}`);
  }
  assert.deepEqual(processNames(traceEvents), ['host', 'qemu', 'guest kernel', 'guest agent']);
  // A phase that takes no time is a moment: on a busy machine a guest's clock may have run too fast for the first of them.
  const boot = traceEvents
    .filter((event) => event.ph !== 'M' && phases.includes(event.name))
    .map((event) => ({ ts: 0, dur: 0, ...event }))
    .sort((one, other) => phases.indexOf(one.name) - phases.indexOf(other.name));
  assert.deepEqual(
    boot.map(({ name }) => name),
    phases,
    title,
  );
  boot.slice(1).forEach((phase, index) => {
    const before = boot[index];
    assert.ok(before !== undefined && Math.abs(phase.ts - endOf(before)) <= 2, phase.name);
  });
  const [handshake, ready] = [find('handshake', 'host'), boot.at(-1) as Complete];
  // A boot that is moved by the busy machine's clock is not moved by more than this.
  const errorUs = errorUsOf(find('createContainer', 'guest-agent')) + 100_000;
  assert.ok(endOf(ready) <= endOf(handshake) + errorUs, 'it answered before it was ready');
});

test('a clone tells of no boot, and its clock, which is older than its VM, makes nothing less exact', async () => {
  await e2e.runtime().templates.build();
  const { lanes, traceEvents, spans, find } = await traceRun([]);
  assert.ok(lanes.has('agent') && !lanes.has('kernel'), [...lanes].join());
  assert.deepEqual(processNames(traceEvents), ['host', 'qemu', 'guest agent']);
  assert.deepEqual(
    spans.filter(({ name }) => phases.includes(name) || name === 'template'),
    [],
  );
  assert.ok(find('load', 'host').ts >= find('find-template', 'host').ts);
  const asked = spans.filter(({ name }) => name === 'trace-guest').map(({ dur }) => dur);
  const inGuest = find('createContainer', 'guest-agent');
  assert.ok(errorUsOf(inGuest) <= Math.max(...asked) / 2 + 200, JSON.stringify(inGuest));
});

test("a word that may be the command's is refused, and nothing is run or written", async () => {
  const { code, stderr } = await e2e.run(['--trace', 'echo', 'hi']);
  assert.equal(code, 125);
  assert.match(stderr, /cannot use --trace "echo": .*\nhint: .*--trace -- echo\n$/);
  assert.equal(existsSync(path.join(e2e.scratch, 'echo')), false);
  const equals = await e2e.run(['--trace=no/such/folder/t.json', '--', 'true']);
  assert.equal(equals.code, 125);
  assert.match(
    equals.stderr,
    /^virtc: cannot write trace .*\/no\/such\/folder\/t\.json: ENOENT\n$/,
  );
  await e2e.assertNothingLeft();
});
