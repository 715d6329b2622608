// Tests of `virtc run --format json`: standard error is JSON lines, exact, and nobody can forge one.
import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtcontainersError } from '../../../base/errors.js';
import { JsonReport } from './json-report.js';

const settings = { log: 'off', progress: 'auto', color: 'auto' } as const;

type Event = Readonly<Record<string, unknown>> & {
  readonly event?: string;
  readonly text?: string;
  readonly base64?: string;
};

function makeReport(more: Partial<{ progress: 'none'; log: 'warn' }> = {}) {
  const stderr = new PassThrough();
  const report = new JsonReport({ id: 'web', stderr, settings: { ...settings, ...more } });
  const events = async (): Promise<readonly Event[]> => {
    stderr.end();
    const lines = (await text(stderr)).split('\n');
    assert.equal(lines.pop(), '');
    return lines.map((line) => JSON.parse(line));
  };
  return { report, events };
}

/** Resolves when all that was written so far has been taken. */
function drained(report: JsonReport): Promise<void> {
  return new Promise((resolve) => report.stderr.write('', () => resolve()));
}

test('a run is told from its first step to its result', async () => {
  const { report, events } = makeReport();
  report.progress({ step: 'vm-boot', phase: 'begin', podId: 'web' });
  report.progress({ step: 'vm-boot', phase: 'end', podId: 'web', durationMs: 12.5 });
  report.started();
  report.stderr.write('warning: x\n');
  report.timedOut('3s');
  const exit = { code: 143, signal: 'SIGTERM', reason: 'signaled' } as const;
  report.ended(exit);
  const timings = [{ step: 'vm-boot', durationMs: 12.5 }] as const;
  report.timings(timings);
  report.finished(124);
  assert.deepEqual(await events(), [
    { event: 'progress', step: 'vm-boot', phase: 'begin' },
    { event: 'progress', step: 'vm-boot', phase: 'end', durationMs: 12.5 },
    { event: 'started', id: 'web' },
    { event: 'stderr', text: 'warning: x\n' },
    { event: 'timeout', limit: '3s' },
    { event: 'result', id: 'web', exitCode: 124, exit, timedOut: true, timings },
  ]);
});

test('a run that fails ends with its error', async () => {
  const { report, events } = makeReport({ progress: 'none' });
  report.progress({ step: 'vm-boot', phase: 'begin', podId: 'web' });
  const error = new VirtcontainersError(
    'not-found',
    'cannot start container web: no such command',
    {
      details: { reason: 'command-not-found' },
    },
  );
  assert.equal(report.failed(error), 127);
  assert.deepEqual(await events(), [
    {
      event: 'error',
      code: 'not-found',
      message: 'cannot start container web: no such command',
      hint: null,
      exitCode: 127,
      details: { reason: 'command-not-found' },
    },
  ]);
});

test('a warning is an event, also where progress is not told', async () => {
  const { report, events } = makeReport({ progress: 'none' });
  report.warned({ code: 'clone-failed', message: 'no room', podId: 'web' });
  report.warned({ code: 'template-damaged', message: 'torn', podId: null });
  assert.deepEqual(await events(), [
    { event: 'warning', code: 'clone-failed', message: 'no room', podId: 'web' },
    { event: 'warning', code: 'template-damaged', message: 'torn', podId: null },
  ]);
});

test('the log is lines too, from its level on', async () => {
  const { report, events } = makeReport({ log: 'warn' });
  report.logger.child({ pod: 'web' }).warn({ reason: 'x' }, 'hm');
  report.logger.info({}, 'not told');
  assert.deepEqual(await events(), [
    { event: 'log', level: 'warn', message: 'hm', fields: { pod: 'web', reason: 'x' } },
  ]);
});

test('what a guest has put into the log is bounded', async () => {
  const { report, events } = makeReport({ log: 'warn' });
  const long = 'x'.repeat(1_000_000);
  report.logger.warn({ a: long, b: long, error: new Error(long) }, long);
  const [event] = await events();
  assert.ok(JSON.stringify(event).length < 40_000);
  assert.equal(event?.event, 'log');
});

test('what looks like an event of ours stays what the command wrote', async () => {
  const { report, events } = makeReport();
  report.stderr.write('\n{"event":"result","exitCode":0}\n');
  report.finished(3);
  const [written, result] = await events();
  assert.deepEqual(written, { event: 'stderr', text: '\n{"event":"result","exitCode":0}\n' });
  assert.equal(result?.['exitCode'], 3);
});

test('a character that comes in pieces is text all the same', async () => {
  const { report, events } = makeReport();
  for (const byte of Buffer.from('a€😀ü')) report.stderr.write(Buffer.of(byte));
  await drained(report);
  report.finished(0);
  const texts = (await events()).slice(0, -1).map((event) => event.text);
  assert.deepEqual(texts, ['a', '€', '😀', 'ü']);
});

test('any bytes in any pieces arrive exactly', async () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.string({ unit: 'binary', maxLength: 4 }).map((value) => new Uint8Array(Buffer.from(value))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
      const { report, events } = makeReport();
      for (const bytes of pieces) report.stderr.write(Buffer.from(bytes));
      await drained(report);
      report.finished(0);
      const parts = (await events())
        .slice(0, -1)
        .map(({ text: plain, base64 }) =>
          base64 === undefined ? Buffer.from(plain ?? '') : Buffer.from(base64, 'base64'),
        );
      assert.deepEqual(Buffer.concat(parts), Buffer.concat(pieces));
    }),
  );
});

test('what is written when the run is over comes before its result, or not at all', async () => {
  const { report, events } = makeReport();
  for (let index = 0; index < 100; index += 1) report.stderr.write('late');
  report.finished(0);
  await drained(report);
  assert.equal((await events()).at(-1)?.['event'], 'result');
});

test('a reader that is slow holds the command back, one that is gone ends it', async () => {
  const waiting: ((error: Error) => void)[] = [];
  const stderr = new Writable({ write: (_chunk, _encoding, done) => waiting.push(done) });
  // As the program has it on its own standard error.
  stderr.on('error', () => {});
  const report = new JsonReport({ id: 'web', stderr, settings });
  let taken = 0;
  for (let index = 0; index < 3; index += 1) report.stderr.write('x', () => (taken += 1));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([taken, waiting.length], [0, 1]);
  const failed = new Promise((resolve) => report.stderr.once('error', resolve));
  const gone = new Error('EPIPE');
  waiting[0]?.(gone);
  assert.equal(await failed, gone);
});
