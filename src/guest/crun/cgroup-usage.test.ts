// Tests of what is read from a control group's files, whole, in part and not there.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readUsage } from './cgroup-usage.js';

const nothing = { cpu: null, memory: null, pids: null, io: null };

function withFiles(files: Readonly<Record<string, string>>, use: (folder: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'virtc-cgroup-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
    use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('all that the kernel counts is read', () => {
  const files = {
    'cpu.stat':
      'usage_usec 300\nuser_usec 200\nsystem_usec 100\nnr_periods 9\nnr_throttled 4\nthrottled_usec 77\n',
    'memory.current': '5000\n',
    'memory.peak': '6000\n',
    'memory.max': '7000\n',
    'memory.stat': 'anon 1\ninactive_anon 2\ninactive_file 40\nactive_file 3\n',
    'memory.events': 'low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 1\n',
    'pids.current': '3\n',
    'pids.max': '4096\n',
    'io.stat':
      '254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=5 dios=5\n254:16 rbytes=100 wbytes=200 rios=10 wios=20 dbytes=0 dios=0\n8:0 \n',
  };
  withFiles(files, (folder) =>
    assert.deepEqual(readUsage(folder), {
      cpu: { usageUs: 300, userUs: 200, systemUs: 100, throttled: { us: 77, periods: 4 } },
      memory: {
        currentBytes: 5000,
        inactiveFileBytes: 40,
        peakBytes: 6000,
        limitBytes: 7000,
        oomKills: 2,
      },
      pids: { current: 3, limit: 4096 },
      io: { readBytes: 110, writeBytes: 220, reads: 11, writes: 22 },
    }),
  );
});

test('what there is no controller for is null, and so is a limit that there is not', () => {
  withFiles({}, (folder) => {
    assert.deepEqual(readUsage(folder), nothing);
    assert.deepEqual(readUsage(`${folder}/gone`), nothing);
  });
  const files = {
    'cpu.stat': 'usage_usec 3\nuser_usec 2\nsystem_usec 1\n',
    'memory.current': '0\n',
    'memory.max': 'max\n',
    'pids.current': '1\n',
    'pids.max': 'max\n',
    'io.stat': '',
  };
  withFiles(files, (folder) =>
    assert.deepEqual(readUsage(folder), {
      cpu: { usageUs: 3, userUs: 2, systemUs: 1, throttled: null },
      memory: {
        currentBytes: 0,
        inactiveFileBytes: null,
        peakBytes: null,
        limitBytes: null,
        oomKills: null,
      },
      pids: { current: 1, limit: null },
      io: { readBytes: 0, writeBytes: 0, reads: 0, writes: 0 },
    }),
  );
});
