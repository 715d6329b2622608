// Tests of finding QEMUs by their arguments.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { findQemus, isNamed } from './leftovers.js';

test('a name counts where it is the value of -name, behind whatever leads to QEMU', () => {
  const table: readonly (readonly [readonly string[], boolean])[] = [
    [['qemu', '-name', 'virtc-a.1'], true],
    [['nsenter', '--', 'setpriv', '--', 'qemu', '-name', 'virtc-a.1', '-S'], true],
    [['qemu', '-name', 'virtc-a.12'], false],
    [['qemu', '-name', 'x', 'virtc-a.1'], false],
    [['grep', '-name virtc-a.1'], false],
    [['qemu', '-name'], false],
    [[], false],
  ];
  for (const [argv, named] of table)
    assert.equal(isNamed(argv, 'virtc-a.1'), named, argv.join(' '));
});

test('of processes with the same arguments only those of this user count', async () => {
  const name = `virtc-test.${process.pid}`;
  const run = (uid: number) =>
    spawn('/usr/bin/sleep', ['30'], { argv0: 'qemu', uid, stdio: 'ignore' });
  // The arguments of a shell are what is looked at; its script only waits.
  const start = (uid: number) =>
    spawn('/bin/sh', ['-c', 'read x', 'qemu', '-name', name], {
      uid,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  const [ours, others, unnamed] = [start(process.geteuid?.() ?? 0), start(65_534), run(0)];
  try {
    const found = await findQemus(name);
    assert.deepEqual(
      found.map((handle) => handle.pid),
      [ours.pid],
    );
  } finally {
    for (const child of [ours, others, unnamed]) child.kill('SIGKILL');
  }
});
