import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { spawnChild } from '../../base/native/children.js';
import { becomeSubreaper } from '../../base/native/own-process.js';
import { makePipe } from '../../base/native/pipes.js';
import { Reaper } from './reaper.js';

const nothing = openSync('/dev/null', 'r+');

function shell(script: string, input = nothing, output = nothing): number {
  const stdio = [input, output, nothing] as const;
  return spawnChild({ file: '/bin/sh', argv: ['sh', '-c', script], env: [], stdio });
}

test('real children and orphans end with their true codes and signals, and leave no zombie', async () => {
  becomeSubreaper();
  // A signal's handler alone does not keep a process alive.
  const alive = setInterval(() => {}, 1000);
  const reaper = new Reaper();
  reaper.start();
  const mark = reaper.mark();
  const children = Array.from({ length: 40 }, (_, index) => shell(`exit ${index}`));
  const killed = shell('kill -9 $$');
  const gate = makePipe();
  const names = makePipe();
  // Each parent ends at once, so that its child becomes ours; that one ends when the gate opens.
  const parents = Array.from({ length: 20 }, (_, index) => {
    const child = `sh -c 'read x <&3; exit ${100 + index}'`;
    return shell(`exec 3<&0; ${child} & echo $! ${100 + index}`, gate.readFd, names.writeFd);
  });
  closeSync(gate.readFd);
  closeSync(names.writeFd);
  const ends = await Promise.all(children.map((pid) => reaper.ended(pid, mark)));
  assert.deepEqual(
    ends.map((end) => end.code),
    children.map((_, index) => index),
  );
  await Promise.all(parents.map((pid) => reaper.ended(pid, mark)));
  assert.deepEqual(await reaper.ended(killed, mark), { code: 0, signal: 9 });
  closeSync(gate.writeFd);
  // All ends are there before anyone asks for them by pid.
  while (reaper.mark() < 40 + 1 + 20 + 20) await new Promise((resolve) => setTimeout(resolve, 1));
  const lines = readFileSync(names.readFd, 'utf8').trim().split('\n');
  closeSync(names.readFd);
  assert.equal(lines.length, 20);
  for (const line of lines) {
    const [pid, code] = line.split(' ').map(Number);
    assert.equal((await reaper.ended(pid ?? 0, mark)).code, code);
  }
  assert.equal(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8'), '');
  clearInterval(alive);
});

test('an end from before a process was made is not taken for its own', async () => {
  const ends = [{ pid: 7, code: 1, signal: 0 }];
  const reaper = new Reaper(() => ends.shift() ?? null);
  reaper.sweep();
  const second = reaper.ended(7, reaper.mark());
  ends.push({ pid: 7, code: 2, signal: 0 });
  reaper.sweep();
  assert.deepEqual(await second, { code: 2, signal: 0 });
});

test('a storm of orphans is forgotten, the newest stay', async () => {
  let pid = 0;
  const reaper = new Reaper(() => (pid < 2000 ? { pid: ++pid, code: 0, signal: 0 } : null));
  reaper.sweep();
  while (reaper.mark() < 2000) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(await reaper.ended(2000, 1999), { code: 0, signal: 0 });
});
