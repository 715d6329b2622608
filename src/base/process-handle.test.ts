// Tests of process handles, on real processes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import {
  isAlive,
  killProcess,
  parseProcessStat,
  processHandle,
  waitForDeath,
} from './process-handle.js';

const tail = (startTime: string): string =>
  `S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 ${startTime} 100 200`;

test('the fields of a process whose name holds blanks and parentheses are found', () => {
  for (const name of ['cat', 'a b', 'x) R 1 2 (', '((', '']) {
    assert.deepEqual(parseProcessStat(`42 (${name}) ${tail('777')}\n`), {
      state: 'S',
      startTime: '777',
    });
  }
});

test('a stat that is cut or no stat at all gives nothing', () => {
  for (const text of ['', '1 (x) S 1', 'garbage', `1 (x) ${tail('soon')}`]) {
    assert.equal(parseProcessStat(text), null);
  }
});

test('a pid that names no process has no handle', () => {
  for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 31]) assert.equal(processHandle(pid), null);
});

test('a running process is alive, can be killed, and is dead afterwards', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const handle = processHandle(child.pid ?? -1);
  assert.ok(handle !== null);
  assert.equal(isAlive(handle), true);
  assert.equal(await waitForDeath(handle, 5), false);
  assert.equal(killProcess(handle, 'SIGKILL'), true);
  assert.equal(await waitForDeath(handle, 5000), true);
  await exited;
  assert.equal(killProcess(handle, 'SIGKILL'), false);
});

test('another process with the same pid is not mistaken for it and not signalled', () => {
  const self = processHandle(process.pid);
  assert.ok(self !== null);
  const earlier = { pid: self.pid, startTime: String(BigInt(self.startTime) - 1n) };
  assert.equal(isAlive(earlier), false);
  assert.equal(killProcess(earlier, 'SIGKILL'), false);
});

test('a zombie counts as dead', async () => {
  // The shell's child ends at once, and exec turns the shell into a program that never waits for it.
  const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const zombie = processHandle(Number(line.toString()));
    assert.ok(zombie === null || (await waitForDeath(zombie, 5000)));
  } finally {
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  }
});
