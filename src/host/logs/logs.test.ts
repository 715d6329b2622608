// Tests of bounded logs: exact, bounded, harmless on a terminal, and never in the way.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { readLog } from '../../testing/read-log.js';
import { BoundedLog, logFiles } from './bounded-log.js';
import { ByteTail } from './byte-tail.js';
import { formatRecord, parseRecord } from './log-record.js';
import { podLogDirectory } from './pod-log-directory.js';

let directory = '';
before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'virtc-logs-'));
});
after(() => rm(directory, { recursive: true, force: true }));

async function contents(name: string): Promise<string> {
  const records = await readLog(directory, name);
  return Buffer.concat(
    records.filter((record) => record.stream === name).map((record) => record.bytes),
  ).toString('latin1');
}

test('a tail keeps exactly the last bytes, however they come', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      (chunks, size) => {
        const tail = new ByteTail(size);
        for (const chunk of chunks) tail.push(chunk);
        const all = Buffer.concat(chunks);
        assert.deepEqual(tail.bytes(), all.subarray(Math.max(0, all.length - size)));
        assert.equal(tail.totalBytes, all.length);
      },
    ),
  );
});

test('a record is one line of printable ASCII and gives its bytes back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (bytes, offset) => {
      const time = new Date('2026-01-31T12:00:00.123Z');
      const line = formatRecord({ time, stream: 'console', offset, bytes });
      assert.match(line, /^[ -~]+\n$/);
      const record = parseRecord(line.slice(0, -1));
      assert.deepEqual(record && { ...record, bytes: [...record.bytes] }, {
        time,
        stream: 'console',
        offset,
        bytes: [...bytes],
      });
    }),
  );
});

test('what is no record reads as none', () => {
  for (const line of [
    '',
    'x',
    '2026-01-31T12:00:00.000Z console 1',
    '2026-01-31T12:00:00.000Z console x text',
    '2026-01-31T12:00:00.000Z console 1 cut\\x1',
    '2026-01-31T12:00:00.000Z console 1 cut\\',
    'yesterdayZ console 1 text',
  ]) {
    assert.equal(parseRecord(line), null, line);
  }
});

test('lines and the unfinished rest are logged in order with their offsets', async () => {
  const log = await BoundedLog.open({ directory, name: 'lines' });
  for (const part of ['one\ntw', 'o\n\x1b[2J', 'rest']) log.write(Buffer.from(part));
  await log.close();
  const records = await readLog(directory, 'lines');
  assert.deepEqual(
    records.map(({ offset, bytes }) => [offset, Buffer.from(bytes).toString()]),
    [
      [0, 'one\n'],
      [4, 'two\n'],
      [8, '\x1b[2Jrest'],
    ],
  );
  const [, file] = logFiles(directory, 'lines');
  assert.match(await readFile(file, 'latin1'), /^[ -~\n]+$/);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test('a flood without line ends stays within two files, and its end is kept', async () => {
  const fileBytes = 64 * 1024;
  const log = await BoundedLog.open({ directory, name: 'flood', fileBytes });
  const chunk = Buffer.alloc(10_000, 'x');
  for (let index = 0; index < 100; index += 1) {
    log.write(chunk);
    await new Promise(setImmediate);
  }
  log.write(Buffer.from('the end'));
  await log.close();
  for (const file of logFiles(directory, 'flood')) assert.ok((await stat(file)).size <= fileBytes);
  assert.ok((await contents('flood')).endsWith('xxxthe end'));
});

test('ten megabytes without a line end, all at once and full of escape sequences, cost no more than their bound', async () => {
  const options = { directory, name: 'line', fileBytes: 256 * 1024, maxPendingBytes: 128 * 1024 };
  const log = await BoundedLog.open(options);
  const line = Buffer.from('\u001b]0;title\u0007\u009b2J\r\0'.repeat(600_000)).subarray(0, 1e7);
  log.write(line);
  log.write(Buffer.from('\nthe end\n'));
  await log.close();
  for (const file of logFiles(directory, 'line')) {
    if (!existsSync(file)) continue;
    assert.ok((await stat(file)).size <= options.fileBytes);
    // A terminal that shows the file does nothing with it.
    assert.match(await readFile(file, 'latin1'), /^[ -~\n]*$/);
  }
  const records = await readLog(directory, 'line');
  assert.ok(
    records.some(({ stream }) => stream === 'note'),
    'what was dropped is noted',
  );
});

test('what a disk cannot take in time is dropped and noted, and the writer never waits', async () => {
  const log = await BoundedLog.open({ directory, name: 'slow', maxPendingBytes: 10_000 });
  // All in one turn: nothing can be written in between.
  for (let index = 0; index < 1000; index += 1) log.write(Buffer.from(`${'y'.repeat(99)}\n`));
  await log.close();
  const records = await readLog(directory, 'slow');
  const note = records.at(-1);
  assert.equal(note?.stream, 'note');
  const dropped = Number.parseInt(Buffer.from(note?.bytes ?? []).toString(), 10);
  assert.equal(dropped + (await contents('slow')).length, 100_000);
});

test('a full disk loses records but nothing throws; the failure can be seen', async () => {
  await symlink('/dev/full', path.join(directory, 'full.log'));
  const log = await BoundedLog.open({ directory, name: 'full' });
  log.write(Buffer.from('lost\n'));
  await log.close();
  assert.match(String(log.failure), /ENOSPC/);
});

test('a record cut by a crash is left out, and what follows is not', async () => {
  const [, file] = logFiles(directory, 'cut');
  await appendFile(file, '2026-01-31T12:00:00.000Z cut 0 half\\x');
  await appendFile(file, '\n2026-01-31T12:00:00.000Z cut 5 whole\n');
  assert.equal(await contents('cut'), 'whole');
});

test('a pod’s logs have a directory of their own, and no id leads out of the root', () => {
  assert.equal(podLogDirectory('/logs', 'pod'), '/logs/pod');
  assert.throws(() => podLogDirectory('/logs', '..'), { code: 'invalid-argument' });
});
