// Tests of reading logs: what is picked, the last lines, and what comes while it is read, across a change of files.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { LogEntry } from '../../model/logs.js';
import { BoundedLog } from './bounded-log.js';
import { FileLogs } from './file-logs.js';
import type { LogQuery } from './logs.js';
import { containerLogName, podLogDirectory } from './pod-log-directory.js';

const all: LogQuery = {
  streams: null,
  sinceMs: Number.NEGATIVE_INFINITY,
  untilMs: Number.POSITIVE_INFINITY,
  tail: null,
  isOver: null,
  signal: undefined,
};
const box = { container: 'box' };

async function place(t: TestContext, fileBytes = 1_000_000) {
  const root = mkdtempSync(path.join(tmpdir(), 'virtc-logs-'));
  t.after(() => rmSync(root, { recursive: true }));
  const directory = podLogDirectory(root, 'pod');
  const log = await BoundedLog.open({ directory, name: containerLogName('box'), fileBytes });
  const write = (text: string, stream = 'stdout'): void => log.write(Buffer.from(text), stream);
  const logs = new FileLogs({ root });
  const read = async (query: Partial<LogQuery> = {}): Promise<LogEntry[]> => {
    const entries: LogEntry[] = [];
    for await (const entry of logs.read('pod', box, { ...all, ...query })) entries.push(entry);
    return entries;
  };
  return { logs, log, write, read };
}

function texts(entries: readonly LogEntry[]): readonly string[] {
  return entries.map(({ data }) => Buffer.from(data).toString());
}

test('both streams come in their order, with the offsets of each', async (t) => {
  const { log, write, read } = await place(t);
  write('one\ntwo\n');
  write('bad\n', 'stderr');
  write('three\n');
  await log.close();
  assert.deepEqual(
    (await read()).map(({ stream, offset, data }) => [
      stream,
      offset,
      Buffer.from(data).toString(),
    ]),
    [
      ['stdout', 0, 'one\n'],
      ['stdout', 4, 'two\n'],
      ['stderr', 0, 'bad\n'],
      ['stdout', 8, 'three\n'],
    ],
  );
  assert.deepEqual(texts(await read({ streams: ['stderr'] })), ['bad\n']);
});

test('the last lines are counted in lines, however they came, and times pick', async (t) => {
  const { log, write, read } = await place(t);
  write(`${'x'.repeat(5000)}\n`);
  write('a\nb\nunfinished');
  await log.close();
  assert.deepEqual(texts(await read({ tail: 2 })), ['b\n', 'unfinished']);
  const long = texts(await read({ tail: 4 }));
  assert.equal(long.join(''), `${'x'.repeat(5000)}\na\nb\nunfinished`);
  assert.deepEqual(texts(await read({ tail: 0 })), []);
  const now = Date.now();
  assert.deepEqual(await read({ sinceMs: now + 60_000 }), []);
  assert.deepEqual(await read({ untilMs: now - 60_000 }), []);
  assert.equal((await read({ sinceMs: now - 60_000, untilMs: now + 60_000 })).length, 5);
});

test('a tail of a long log is its end', async (t) => {
  const { log, write, read } = await place(t, 10_000_000);
  for (let line = 0; line < 5000; line += 1) write(`${line}\n`);
  await log.close();
  assert.deepEqual(texts(await read({ tail: 3 })), ['4997\n', '4998\n', '4999\n']);
});

test('who follows gets each line once, across changes of files, until it is over', async (t) => {
  const { log, write, read } = await place(t, 20_000);
  write('before\n');
  let isOver = false;
  const following = read({ isOver: async () => isOver });
  const expected = ['before\n'];
  for (let batch = 0; batch < 10; batch += 1) {
    for (let line = 0; line < 40; line += 1) {
      const text = `batch ${batch} line ${line}\n`;
      write(text);
      expected.push(text);
    }
    await pause(60);
  }
  write('an end without a line end');
  expected.push('an end without a line end');
  isOver = true;
  assert.deepEqual(texts(await following), expected);
  await log.close();
});

test('following ends with its signal, and without a log there is an error', async (t) => {
  const { logs, log, write, read } = await place(t);
  write('x\n');
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('enough')), 150);
  await assert.rejects(read({ isOver: async () => false, signal: abort.signal }), {
    name: 'AbortError',
  });
  await log.close();
  await assert.rejects(logs.read('pod', { container: 'other' }, all).next(), {
    code: 'not-found',
    message: 'cannot read the log of container other of pod pod: there is none',
  });
});
