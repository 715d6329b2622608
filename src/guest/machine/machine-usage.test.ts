// Tests of what the machine as a whole uses.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { test } from 'node:test';
import { toMachineUsage } from './machine-usage.js';

test('processor time is what was not idle, waited or stolen; memory is in bytes', () => {
  const stat = 'cpu  10 2 30 4000 500 6 7 80 9 1\ncpu0 10 2 30 4000 500 6 7 80 9 1\nintr 5\n';
  const meminfo = 'MemTotal:         500000 kB\nMemFree:  1 kB\nMemAvailable:     400000 kB\n';
  assert.deepEqual(toMachineUsage(stat, meminfo), {
    cpu: { usageUs: 550_000, userUs: 120_000, systemUs: 430_000, throttled: null },
    memoryTotalBytes: 512_000_000,
    memoryAvailableBytes: 409_600_000,
  });
});

test('this machine’s own files are understood', () => {
  const usage = toMachineUsage(
    readFileSync('/proc/stat', 'utf8'),
    readFileSync('/proc/meminfo', 'utf8'),
  );
  assert.equal(usage.memoryTotalBytes, totalmem());
  assert.ok(usage.memoryAvailableBytes > 0 && usage.memoryAvailableBytes < totalmem());
  const knownMs = cpus().reduce((sum, { times }) => sum + times.user + times.nice, 0);
  assert.ok(Math.abs(usage.cpu.userUs / 1000 - knownMs) < 0.05 * knownMs + 1000);
});
