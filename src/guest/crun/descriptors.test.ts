import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { spawnChild } from '../../base/native/children.js';
import type { RuntimeProcess } from '../doors.js';
import { Reaper } from '../machine/reaper.js';
import { OomKills } from '../oom-kills.js';
import { Process } from '../process.js';
import { Pipes } from './descriptors.js';

const nullFd = openSync('/dev/null', 'r+');
const reaper = new Reaper();
let alive: NodeJS.Timeout | undefined;

before(() => {
  reaper.start();
  // A signal's handler alone does not keep a process alive.
  alive = setInterval(() => {}, 1000);
});

after(() => clearInterval(alive));

function start(script: string, hasInput: boolean): Process {
  const pipes = new Pipes(hasInput, nullFd);
  const mark = reaper.mark();
  const argv = ['sh', '-c', script];
  const pid = spawnChild({
    file: '/bin/sh',
    argv,
    env: ['PATH=/bin:/usr/bin'],
    stdio: pipes.stdio,
  });
  pipes.closeFarEnds();
  const process: RuntimeProcess = {
    ...pipes.open(),
    pid,
    ended: reaper.ended(pid, mark),
    signal: () => {},
    signalAll: () => {},
    hasAny: () => false,
  };
  pipes.close();
  const oomKills = new OomKills(() => 0);
  return new Process(process, { isInit: false, killsBefore: 0, oomKills });
}

async function readAll(process: Process, stream: 'stdout' | 'stderr'): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let offset = 0; ; ) {
    const { data, end } = await process.readOutput(stream, {
      offset,
      acknowledged: offset,
      maxBytes: 0,
    });
    pieces.push(Buffer.from(data));
    offset += data.length;
    if (end) return Buffer.concat(pieces);
  }
}

test('outputs are real pipes, which a process can open anew', async () => {
  const process = start('echo out; echo err > /dev/stderr; echo more > /proc/self/fd/1', false);
  assert.equal((await readAll(process, 'stdout')).toString(), 'out\nmore\n');
  assert.equal((await readAll(process, 'stderr')).toString(), 'err\n');
  assert.equal((await process.ended).code, 0);
});

test('an output ends with its last writer, not with the process', async () => {
  const process = start('(sleep 0.2; echo late) & exit 3', false);
  assert.equal((await process.ended).code, 3);
  assert.equal((await readAll(process, 'stdout')).toString(), 'late\n');
});

test('input goes in, comes out exact, and its end is seen', async () => {
  const process = start('cat /dev/stdin', true);
  const sent = Buffer.alloc(3_000_000).map((_, index) => index % 253);
  const writing = (async () => {
    for (let offset = 0; offset < sent.length; offset += 65536) {
      const piece = sent.subarray(offset, offset + 65536);
      await process.writeInput(offset, piece, offset + 65536 >= sent.length);
    }
  })();
  assert.ok((await readAll(process, 'stdout')).equals(sent));
  await writing;
});

test('without an input a process reads its end at once', async () => {
  const process = start('cat; echo done', false);
  assert.equal((await readAll(process, 'stdout')).toString(), 'done\n');
  await assert.rejects(process.writeInput(0, Buffer.from('x'), false), { code: 'invalid-state' });
});

test('a process that closes its input or ends is seen by a write that waits', async () => {
  const process = start('sleep 0.2', true);
  const state = await process.writeInput(0, Buffer.alloc(300_000), false);
  assert.equal(state.closed, true);
});

test('a writer that nobody reads waits, and what it wrote is kept', async () => {
  const process = start('head -c 5000000 /dev/zero; echo end >&2', false);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(process.status, null);
  assert.equal((await readAll(process, 'stdout')).length, 5_000_000);
  assert.equal((await readAll(process, 'stderr')).toString(), 'end\n');
});

test('where descriptors run out after the first pipe, none of it is left', () => {
  const count = (): number => readdirSync('/proc/self/fd').length;
  const limit = (soft: string): string =>
    execFileSync('prlimit', ['--pid', `${process.pid}`, `--nofile=${soft}:`], { encoding: 'utf8' });
  const most = /Max open files +(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '';
  const before = count();
  limit('200');
  const filled: number[] = [];
  const fill = (): never => {
    for (;;) filled.push(openSync('/dev/null', 'r'));
  };
  try {
    assert.throws(fill, { code: 'EMFILE' });
    // Room for two pipes, but not for the third.
    for (let free = 0; free < 5; free += 1) closeSync(filled.pop() ?? -1);
    assert.throws(() => new Pipes(true, nullFd), { code: 'EMFILE', syscall: 'pipe2' });
  } finally {
    for (const fd of filled) closeSync(fd);
    limit(most);
  }
  assert.equal(count(), before);
});
