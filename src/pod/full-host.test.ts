// Tests of pods on file systems that are really full or read-only, and with no descriptors left.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Attempt } from '../testing/full-host.js';

const program = fileURLToPath(new URL('../testing/full-host.js', import.meta.url));
const nothing = { pods: [], names: [], logs: [], cgroups: [], qemus: 0 };

/** @param most so much room is left at last */
function attempts(kind: string, most: number): readonly Attempt[] {
  const directory = mkdtempSync(path.join(tmpdir(), 'virtc-full-'));
  try {
    const child = ['-m', process.execPath, program, kind, directory, String(most)];
    const options = { encoding: 'utf8', timeout: 60_000 } as const;
    const { status, stdout, stderr } = spawnSync('unshare', child, options);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as readonly Attempt[];
  } finally {
    // What was mounted on it went with its namespace, and what was made there with the mount.
    rmSync(directory, { recursive: true });
  }
}

const cases = [
  { kind: 'space', most: 20, reason: /ENOSPC/, least: 2, recovers: true },
  { kind: 'inodes', most: 24, reason: /ENOSPC/, least: 5, recovers: true },
  // The QEMU that is none shares the descriptors and is deaf without: it ends its connection, or never answers.
  {
    kind: 'descriptors',
    most: 24,
    reason: /EMFILE|connection to QEMU|aborted/,
    least: 8,
    recovers: true,
  },
  { kind: 'read-only', most: 1, reason: /EROFS/, least: 2, recovers: false },
] as const;

for (const { kind, most, reason, least, recovers } of cases) {
  test(`a host without ${kind === 'read-only' ? 'anything to write to' : kind} is told so, and nothing is left when there is some again`, () => {
    const all = attempts(kind, most);
    for (const { free, failure, left, open } of all) {
      const where = `${free} ${kind}: ${failure?.message}`;
      assert.deepEqual(left, nothing, where);
      assert.deepEqual(open, [], where);
      if (failure === null) continue;
      assert.match(failure.message, /^cannot (create|start) (pod p|container c): /, where);
      assert.match(failure.message, reason, where);
      if (kind !== 'descriptors') {
        assert.match(`${failure.message} ${failure.path}`, /virtc-full-/, where);
      }
    }
    const failed = all.filter(({ failure }) => failure !== null);
    assert.ok(failed.length >= least, `${failed.length} failed`);
    if (recovers) assert.equal(all.at(-1)?.failure, null);
  });
}
