// Tests of what the host is said to have.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { hostSize, swapIn } from './host-size.js';

test('processors and memory are those that other programs see', () => {
  const { cpus, memoryMiB } = hostSize();
  assert.equal(cpus, Number(execFileSync('nproc', { encoding: 'utf8' })));
  const rows = execFileSync('free', ['--mebi', '--total'], { encoding: 'utf8' });
  const total = Number(/^Total:\s+(\d+)/m.exec(rows)?.[1]);
  assert.ok(Math.abs(memoryMiB - total) <= 1, `${memoryMiB} and ${total} MiB`);
});

test('swap is read in bytes, and none is none', () => {
  assert.equal(
    swapIn('MemTotal:  100 kB\nSwapTotal:       2048 kB\nSwapFree: 1 kB\n'),
    2048 * 1024,
  );
  assert.equal(swapIn('MemTotal:  100 kB\n'), 0);
});
